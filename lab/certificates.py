"""The keys and certificates of a cluster's parts, and the kubeconfig of each; made with openssl."""

import subprocess
from pathlib import Path

_DAYS = "365"
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]

_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: lab
contexts:
  - name: lab
    context: {{cluster: lab, user: {name}}}
clusters:
  - name: lab
    cluster:
      server: https://{server}
      certificate-authority: /etc/kubernetes/pki/ca.crt
users:
  - name: {name}
    user:
      client-certificate: /etc/kubernetes/pki/{name}.crt
      client-key: /etc/kubernetes/pki/{name}.key
"""


def write(folder: Path, *, node: str, address: str, service_address: str) -> None:
    """Fill `folder` with pki/ and the kubeconfigs of the parts.

    The node will see it as /etc/kubernetes.
    """
    pki = folder / "pki"
    pki.mkdir(parents=True, mode=0o700)
    authority = [
        "req",
        "-x509",
        *_KEY,
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-subj",
        "/CN=lab",
        "-days",
        _DAYS,
    ]
    _openssl([*authority, "-addext", "keyUsage=critical,keyCertSign,cRLSign"], pki)
    _openssl(["genrsa", "-out", "service-accounts.key", "2048"], pki)

    api = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
    )
    names = [
        *(f"DNS:{name}" for name in api),
        *(f"IP:{ip}" for ip in ("127.0.0.1", address, service_address)),
    ]
    _certify(pki, "kube-apiserver", "/CN=kube-apiserver", "serverAuth", names)
    _certify(pki, "kubelet", f"/CN={node}", "serverAuth", [f"DNS:{node}", f"IP:{address}"])
    _certify(pki, "kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client", "clientAuth")

    for part, subject in {
        "admin": "/O=system:masters/CN=admin",
        "kube-controller-manager": "/CN=system:kube-controller-manager",
        "kube-scheduler": "/CN=system:kube-scheduler",
        "kube-proxy": "/CN=system:kube-proxy",
        "kubelet": f"/O=system:nodes/CN=system:node:{node}",
    }.items():
        _certify(pki, f"{part}-user", subject, "clientAuth")
        (folder / f"{part}.conf").write_text(
            _KUBECONFIG.format(name=f"{part}-user", server=f"{address}:6443")
        )


def _certify(pki: Path, name: str, subject: str, usage: str, names: list[str] | None = None) -> None:
    """Make the key `name`.key and a certificate for it, signed by the cluster's authority."""
    extensions = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        f"extendedKeyUsage={usage}",
    ]
    if names:
        extensions.append("subjectAltName=" + ",".join(names))
    command = [
        "req",
        "-x509",
        *_KEY,
        "-keyout",
        f"{name}.key",
        "-out",
        f"{name}.crt",
        "-subj",
        subject,
        "-days",
        _DAYS,
    ]
    command += ["-CA", "ca.crt", "-CAkey", "ca.key"]
    for extension in extensions:
        command += ["-addext", extension]
    _openssl(command, pki)


def _openssl(words: list[str], folder: Path) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]} failed: {done.stderr.strip()}")
