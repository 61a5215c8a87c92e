package cronlib

import (
	"time"
	_ "unsafe" // for go:linkname

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	_ "k8s.io/kubernetes/pkg/controller/cronjob"
)

// These are the controller's own functions. They have no exported door, and a copy of them would go on agreeing with
// us after Kubernetes has changed them; should one vanish, the link fails.

//go:linkname formatSchedule k8s.io/kubernetes/pkg/controller/cronjob.formatSchedule
func formatSchedule(cj *batchv1.CronJob, recorder record.EventRecorder) string

//go:linkname nextScheduleTime k8s.io/kubernetes/pkg/controller/cronjob.nextScheduleTime
func nextScheduleTime(logger klog.Logger, cj *batchv1.CronJob, now time.Time, schedule cron.Schedule, recorder record.EventRecorder) (*time.Time, error)

//go:linkname nextScheduleTimeDuration k8s.io/kubernetes/pkg/controller/cronjob.nextScheduleTimeDuration
func nextScheduleTimeDuration(cj *batchv1.CronJob, now time.Time, schedule cron.Schedule) *time.Duration
