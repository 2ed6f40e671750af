"""What the push servers of tests show: a certificate for 127.0.0.1."""

import datetime as dt

from kuadrant.operator.push.certificate import made

SHOWN = made("127.0.0.1", dt.datetime.now(dt.UTC))
