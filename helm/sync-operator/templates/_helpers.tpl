{{/*
Gives every value that is missing its default. `helm upgrade --reuse-values` takes the values of an earlier chart for this
one's defaults, and the newer ones are not among them; `--set workers=null` takes one away. Each template calls it first.
*/}}
{{- define "sync-operator.defaults" -}}
{{- include "sync-operator.fill" (dict "values" .Values "defaults" (.Files.Get "files/defaults.yaml" | fromYaml)) -}}
{{- end -}}

{{- define "sync-operator.fill" -}}
{{- range $name, $default := .defaults -}}
{{- $given := index $.values $name -}}
{{- if kindIs "invalid" $given -}}
{{- $_ := set $.values $name $default -}}
{{- else if and (kindIs "map" $default) (ne $name "labels") -}}
{{- include "sync-operator.fill" (dict "values" $given "defaults" $default) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Name of the release's objects: a label of at most 63 characters that holds the whole release name (Helm allows it 53). */}}
{{- define "sync-operator.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default ($full | trunc 63 | trimAll "-.") -}}
{{- end -}}

{{/* Where the release's objects are: Helm keeps its own record of the release in the release's namespace all the same. */}}
{{- define "sync-operator.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* Name of objects outside the release's namespace. No namespace has a colon in its name, so no two releases share one. */}}
{{- define "sync-operator.clusterName" -}}
{{ include "sync-operator.namespace" . }}:{{ include "sync-operator.fullname" . }}
{{- end -}}

{{- define "sync-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "sync-operator.fullname" .) "default") -}}
{{- end -}}

{{/* What tells the controller's pods from all others; a Deployment's selector cannot be changed later. */}}
{{- define "sync-operator.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sync-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-._" }}
{{ include "sync-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sync-operator.image" -}}
{{- with (.Values.global).imageRegistry | default .Values.image.registry }}{{ . }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* Pull secrets of every pod, as a list of names: of `global` each may be a name or `{name: …}`, as charts differ. */}}
{{- define "sync-operator.globalPullSecrets" -}}
{{- $names := list -}}
{{- range (.Values.global).imagePullSecrets -}}
{{- $name := . -}}
{{- if kindIs "map" . -}}{{- $name = .name -}}{{- end -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Pull secrets of the controller's pod, as in a pod. */}}
{{- define "sync-operator.pullSecrets" -}}
{{- $all := include "sync-operator.globalPullSecrets" . | fromJsonArray -}}
{{- range .Values.imagePullSecrets -}}{{- $all = append $all .name -}}{{- end -}}
{{- range uniq $all }}
- name: {{ . }}
{{- end -}}
{{- end -}}

{{/* What the controller does with each kind, and no more: tests/cluster/test_permissions.py holds it against the audit log. */}}
{{- define "sync-operator.rules" -}}
- apiGroups: [squared.ai]
  resources: [connectors, models, syncs, workspaces]
  verbs: [list, watch]
# The finalizer and the mark of a create; the status of each.
- apiGroups: [squared.ai]
  resources: [connectors, models, syncs, connectors/status, models/status, syncs/status, workspaces/status]
  verbs: [patch]
# Where the cluster checks who may hold up a deletion (OpenShift does): CronJobs name their Sync as a blocking owner.
- apiGroups: [squared.ai]
  resources: [syncs/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, create, patch, delete]
# The last schedule time, so that an edit never fires for the past.
- apiGroups: [batch]
  resources: [cronjobs/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list, watch, create, patch, delete]
# The last words of a run.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
# Tokens and certificates: tenants choose the names, so no names can be listed here.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch{{ if .Values.loginWorkspaces.enabled }}, create, patch{{ end }}]
# Queries of Models: tenants choose the names.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
# Why the pod of a run is not made, or cannot start: the cluster tells that in events only.
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
{{- end -}}
