{{/*
A value as an expression of CEL. Mappings become objects of the type that Kubernetes has at `type`,
such as Object.spec.initContainers; those whose keys are data, such as limits, stay mappings.
*/}}
{{- define "sidecache.cel" -}}
{{- $type := .type -}}
{{- $value := .value -}}
{{- if kindIs "map" $value -}}
{{- $data := has (last (splitList "." $type)) (list "limits" "requests" "matchLabels" "annotations" "labels") -}}
{{- $parts := list -}}
{{- range $name, $each := $value -}}
{{- $inner := include "sidecache.cel" (dict "type" (printf "%s.%s" $type $name) "value" $each) -}}
{{- $parts = append $parts (printf "%s: %s" (ternary (toJson $name) $name $data) $inner) -}}
{{- end -}}
{{- ternary "" $type $data -}}{ {{- join ", " $parts -}} }
{{- else if kindIs "slice" $value -}}
{{- $parts := list -}}
{{- range $each := $value -}}
{{- $parts = append $parts (include "sidecache.cel" (dict "type" $type "value" $each)) -}}
{{- end -}}
[{{- join ", " $parts -}}]
{{- else if kindIs "string" $value -}}
{{- toJson $value -}}
{{- else -}}
{{- toString $value -}}
{{- end -}}
{{- end -}}
