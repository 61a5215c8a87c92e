package cronlib

import (
	"context"

	"k8s.io/kubernetes/pkg/apis/batch"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/utils/ptr"
)

// valid is a CronJob that lacks nothing but its schedule.
var valid = batch.CronJob{
	Spec: batch.CronJobSpec{
		ConcurrencyPolicy: batch.ForbidConcurrent,
		JobTemplate: batch.JobTemplateSpec{Spec: batch.JobSpec{
			PodReplacementPolicy: ptr.To(batch.Failed),
			Template: core.PodTemplateSpec{Spec: core.PodSpec{
				RestartPolicy: core.RestartPolicyNever,
				DNSPolicy:     core.DNSClusterFirst,
				Containers: []core.Container{{
					Name:                     "c",
					Image:                    "i",
					ImagePullPolicy:          core.PullIfNotPresent,
					TerminationMessagePolicy: core.TerminationMessageReadFile,
				}},
				TerminationGracePeriodSeconds: ptr.To[int64](30),
				SecurityContext:               &core.PodSecurityContext{},
			}},
		}},
	},
}

// refusals is what the API server has against creating a CronJob: field → words.
func refusals(schedule string, timeZone *string) map[string]string {
	asked := valid.DeepCopy()
	asked.Name, asked.Namespace = "asked", "default"
	asked.Spec.Schedule, asked.Spec.TimeZone = schedule, timeZone
	found := map[string]string{}
	for _, err := range cronjob.Strategy.Validate(context.Background(), asked) {
		found[err.Field] = err.ErrorBody()
	}
	return found
}
