// Admission applies a MutatingAdmissionPolicy to pods by Kubernetes' own code, without a cluster.
//
// It reads {"policy": …, "pods": […]} and writes the pods as the API server would have made them.
// What a policy is matched by besides its conditions (labels, namespaces) is not looked at here.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	limits "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

type input struct {
	Policy admissionregistration.MutatingAdmissionPolicy `json:"policy"`
	Pods   []*core.Pod                                   `json:"pods"`
}

var (
	pods    = core.SchemeGroupVersion.WithResource("pods")
	kind    = core.SchemeGroupVersion.WithKind("Pod")
	options = cel.OptionalVariableDeclarations{HasAuthorizer: true}
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var given input
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&given); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := core.AddToScheme(scheme); err != nil {
		return err
	}
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return err
	}
	made := make([]runtime.Object, 0, len(given.Pods))
	for _, pod := range given.Pods {
		changed, err := admit(compiler, scheme, &given.Policy, pod)
		if err != nil {
			return err
		}
		made = append(made, changed)
	}
	return json.NewEncoder(os.Stdout).Encode(made)
}

// Admit returns a pod as the policy makes it, unchanged where its conditions do not hold.
func admit(compiler *cel.CompositedCompiler, scheme *runtime.Scheme, policy *admissionregistration.MutatingAdmissionPolicy, pod *core.Pod) (runtime.Object, error) {
	ctx := compiler.CreateContext(context.Background())
	pod.SetGroupVersionKind(kind)
	attributes := &admission.VersionedAttributes{
		Attributes: admission.NewAttributesRecord(pod, nil, kind, pod.Namespace, pod.Name, pods, "",
			admission.Create, &meta.CreateOptions{}, false, nil),
		VersionedKind:   kind,
		VersionedObject: pod,
	}
	conditions := make([]cel.ExpressionAccessor, len(policy.Spec.MatchConditions))
	for at := range conditions {
		conditions[at] = (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[at])
	}
	evaluator := compiler.CompileCondition(conditions, options, environment.StoredExpressions)
	matched := matchconditions.NewMatcher(evaluator, policy.Spec.FailurePolicy, "policy", "validate", policy.Name).Match(ctx, attributes, nil, nil)
	if matched.Error != nil || !matched.Matches {
		return pod, matched.Error
	}
	var changed runtime.Object = pod
	for _, mutation := range policy.Spec.Mutations {
		if mutation.JSONPatch == nil {
			return nil, errors.New("only JSON patches are known here")
		}
		patching := options
		patching.HasPatchTypes = true
		compiled := compiler.CompileMutatingEvaluator(
			&patch.JSONPatchCondition{Expression: mutation.JSONPatch.Expression}, patching, environment.StoredExpressions)
		attributes.VersionedObject = changed
		next, err := patch.NewJSONPatcher(compiled).Patch(ctx, patch.Request{
			MatchedResource:     pods,
			VersionedAttributes: attributes,
			ObjectInterfaces:    admission.NewObjectInterfacesFromScheme(scheme),
			Namespace:           &core.Namespace{ObjectMeta: meta.ObjectMeta{Name: pod.Namespace}},
		}, limits.RuntimeCELCostBudget)
		if err != nil {
			return nil, err
		}
		changed = next
	}
	return changed, nil
}
