{{/*
The container, and the pieces that a pod needs with it. Another chart that has this one among its
dependencies includes them with this chart's own context, which is `.Subcharts.sidecache`:

  spec:
    initContainers:
      {{- include "sidecache.nativeSidecar" .Subcharts.sidecache | nindent 6 }}
    containers: …
    volumes:
      {{- include "sidecache.volumes" .Subcharts.sidecache | nindent 6 }}
*/}}

{{/*
A native sidecar: it starts before the API's containers and ends after them. A list item.

The hook of every container is run when the pod's end begins, the API's own (see lifecycle below)
among them; so while that one waits, this one sends its clients elsewhere. It is told to end once
the API has ended: by then the endpoints have heard, and there is nothing to stand before, so it
takes nobody any more and finishes what is under way.
*/}}
{{- define "sidecache.nativeSidecar" -}}
- {{ include "sidecache.container" (dict "delay" 0 "Values" .Values "Chart" .Chart "Release" .Release) | nindent 2 | trim }}
  lifecycle:
    preStop:
      exec:
        command: [sidecache, leave]
  restartPolicy: Always
{{- end -}}

{{/* A container beside the API's, which ends with them; for clusters and tools without the former. */}}
{{- define "sidecache.plainSidecar" -}}
- {{ include "sidecache.container" (dict "delay" .Values.drain.delay "Values" .Values "Chart" .Chart "Release" .Release) | nindent 2 | trim }}
{{- end -}}

{{/* The volumes. List items. */}}
{{- define "sidecache.volumes" -}}
- name: sidecache-config
  configMap:
    name: {{ include "sidecache.fullname" . }}
{{- end -}}

{{/* Annotations of the pod's template. */}}
{{- define "sidecache.annotations" -}}
{{- if .Values.restartOnConfigChange -}}
checksum/sidecache-config: {{ include "sidecache.config" . | sha256sum }}
{{- end -}}
{{- end -}}

{{/* Seconds that a pod may take to end; for terminationGracePeriodSeconds. */}}
{{- define "sidecache.gracePeriod" -}}
{{- add .Values.drain.delay .Values.drain.grace 5 -}}
{{- end -}}

{{/* For the API's container beside a native sidecar: it is there until the endpoints have heard. */}}
{{- define "sidecache.lifecycle" -}}
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.drain.delay }}
{{- end -}}

{{/* The container; `delay` is how many seconds it takes clients after it was told to end. */}}
{{- define "sidecache.container" -}}
name: sidecache
image: {{ include "sidecache.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  - name: SIDECACHE_CONFIG
    value: /etc/sidecache/sidecache.yaml
  - name: SIDECACHE_LISTEN
    value: {{ printf "%s:%v" .Values.bind .Values.ports.http | quote }}
  - name: SIDECACHE_ADMIN
    value: {{ printf "%s:%v" .Values.bind .Values.ports.admin | quote }}
  - name: SIDECACHE_DRAIN__DELAY
    value: {{ printf "%vs" .delay | quote }}
  - name: SIDECACHE_DRAIN__GRACE
    value: {{ printf "%vs" .Values.drain.grace | quote }}
  {{- with .Values.redisPassword }}
  - name: REDIS_PASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ .name | quote }}
        key: {{ .key | quote }}
  {{- end }}
  {{- range $at, $token := .Values.adminTokens }}
  - name: ADMIN_TOKEN_{{ $at }}
    valueFrom:
      secretKeyRef:
        name: {{ $token.secret.name | quote }}
        key: {{ $token.secret.key | quote }}
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: sidecache
    containerPort: {{ .Values.ports.http }}
    protocol: TCP
  - name: sidecache-admin
    containerPort: {{ .Values.ports.admin }}
    protocol: TCP
startupProbe:
  httpGet:
    path: /startupz
    port: {{ .Values.ports.admin }}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ .Values.ports.admin }}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  httpGet:
    path: /livez
    port: {{ .Values.ports.admin }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  - name: sidecache-config
    mountPath: /etc/sidecache
    readOnly: true
{{- end -}}
