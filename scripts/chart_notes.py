"""Tells what Helm prints after it has installed the chart: what to do next."""

from __future__ import annotations

from typing import Final

NOTES: Final = """\
Kuadrant {{ .Chart.AppVersion }} is installed in the namespace {{ .Release.Namespace }}.
{{- $image := include "kuadrant.image" . }}
{{- $replicas := .Values.ratelimit.replicas }}
{{- $kubectl := printf "kubectl --namespace %s" .Release.Namespace }}

1. Wait until it runs, from the image {{ $image }}:

     {{ $kubectl }} rollout status deployment/kuadrant-operator-controller-manager
{{- if .Values.ratelimit.enabled }}
     {{ $kubectl }} rollout status deployment/kuadrant-ratelimit
{{- end }}
{{- if not (contains "/" $image) }}

   This image is of no registry: every node has to have it already (docs/install-hardening.md), or
   image.registry has to name the registry that has it.
{{- end }}

2. Turn it on; until then no policy is in effect:

     kubectl apply --server-side --filename - <<END
     apiVersion: kuadrant.io/v1beta1
     kind: Kuadrant
     metadata:
       name: kuadrant
       namespace: {{ .Release.Namespace }}
     END
     {{ $kubectl }} wait kuadrant/kuadrant --for=condition=Ready

3. Attach a RateLimitPolicy to an HTTPRoute or a Gateway (examples/toystore has one), and see what became of
   it in its conditions:

     kubectl get ratelimitpolicies --all-namespaces

4. Whenever something is amiss, and after each change of the installation:

     helm test {{ .Release.Name }} --namespace {{ .Release.Namespace }} --logs
{{- if not .Values.ratelimit.enabled }}

There is no rate limit service of ours: the limitador-operator has to bring one to this namespace.
{{- else if gt (int $replicas) 1 }}

{{ $replicas }} rate limit services count apart, so that a limit holds {{ $replicas }} times over, unless
the Limitador names a store that they share, in spec.storage (docs/operating.md).
{{- end }}
{{- if not .Values.networkPolicies.enabled }}

There are no network policies: every pod of the cluster reaches every port (docs/network.md).
{{- end }}
"""
