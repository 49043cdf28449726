{{/* Names and labels, the file of settings, and what the values cannot say by themselves. */}}

{{- define "sidecache.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sidecache.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sidecache.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{ include "sidecache.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "sidecache.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "sidecache.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sidecache.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The file of settings: the values, and what follows from other values. */}}
{{- define "sidecache.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $url := $config.upstream.url -}}
{{- if and (eq .Values.mode "gateway") (regexMatch "^https?://(127\\.|localhost|\\[::1\\])" $url) -}}
{{- fail (printf "config.upstream.url: %s is the gateway's own pod; name the Service that is made faster, such as http://api:80" $url) -}}
{{- end -}}
{{- $store := default dict $config.store -}}
{{- if and .Values.valkey.enabled (not $store.redis) -}}
{{- $_ := set $store "redis" (dict "url" (printf "redis://%s-valkey.%s:6379/0" (include "sidecache.fullname" .) .Release.Namespace)) -}}
{{- end -}}
{{- with $store.redis -}}
{{- if not .namespace -}}
{{- $_ := set . "namespace" (printf "%s.%s" $.Release.Namespace (include "sidecache.fullname" $) | trunc 64) -}}
{{- end -}}
{{- if $.Values.redisPassword -}}
{{- $_ := set . "password" (dict "variable" "REDIS_PASSWORD") -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int $config.workers) 1) (not $store.redis) -}}
{{- fail "config.workers: more than one needs config.store.redis: without the shared log, one worker would not hear of another's purges" -}}
{{- end -}}
{{- if $store -}}
{{- $_ := set $config "store" $store -}}
{{- end -}}
{{- with .Values.adminTokens -}}
{{- $tokens := list -}}
{{- range $at, $token := . -}}
{{- $tokens = append $tokens (dict "name" $token.name "role" $token.role "variable" (printf "ADMIN_TOKEN_%d" $at)) -}}
{{- end -}}
{{- $_ := set $config "admin" (dict "tokens" $tokens) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* What picks the pods: the gateway's own, those with the label, or those of the values. */}}
{{- define "sidecache.pods" -}}
{{- if eq .Values.mode "gateway" -}}
matchLabels:
  {{- include "sidecache.selector" . | nindent 2 }}
  app.kubernetes.io/component: gateway
{{- else if eq .Values.mode "inject" -}}
matchLabels:
  {{ .Values.inject.label.key }}: {{ .Values.inject.label.value | quote }}
{{- else -}}
{{- if not .Values.networkPolicy.podSelector -}}
{{- fail "networkPolicy.podSelector: mode sidecar needs the labels of the pods here, for policies and monitors" -}}
{{- end -}}
{{- toYaml .Values.networkPolicy.podSelector -}}
{{- end -}}
{{- end -}}

{{/* The namespaces that pods with the sidecar live in. */}}
{{- define "sidecache.namespaces" -}}
{{- if and (eq .Values.mode "inject") .Values.inject.namespaces -}}
{{- toJson .Values.inject.namespaces -}}
{{- else -}}
{{- toJson (list .Release.Namespace) -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's series from others in Prometheus. */}}
{{- define "sidecache.series" -}}
{{- if eq .Values.mode "gateway" -}}
namespace="{{ .Release.Namespace }}",job="{{ include "sidecache.fullname" . }}-admin"
{{- else -}}
job="{{ .Release.Namespace }}/{{ include "sidecache.fullname" . }}"
{{- end -}}
{{- end -}}
