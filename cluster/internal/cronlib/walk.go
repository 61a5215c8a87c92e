package cronlib

import (
	"errors"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/util/parsers"
)

// patience bounds how often one look at a CronJob may ask the cron library: the controller's search for the most recent
// time can run for ever ("0 0 29 2 *" after the last leap day before 2100). A line that fires each minute of a month
// needs 90,000.
const patience = 100_000

var errEndless = errors.New("the controller never comes to an end with it")

// runs are the scheduled times of the Jobs that the controller starts after now, and why there are no more: what
// syncCronJob in pkg/controller/cronjob/cronjob_controllerv2.go does with this CronJob when it looks at it now, and
// then whenever it has asked to be called again, while every Job ends at once.
func (q *question) runs() (found []int64, stopped string) {
	defer func() {
		switch trouble := recover(); trouble {
		case nil:
		case errEndless:
			stopped = errEndless.Error()
		default:
			panic(trouble)
		}
	}()
	cj := &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: q.Created},
		Spec: batchv1.CronJobSpec{
			Schedule:                q.Schedule,
			TimeZone:                q.TimeZone,
			StartingDeadlineSeconds: q.DeadlineSeconds,
		},
		Status: batchv1.CronJobStatus{LastScheduleTime: q.Last},
	}
	recorder := &record.FakeRecorder{}
	parsed, err := parsers.ParseCronScheduleWithPanicRecovery(formatSchedule(cj, recorder))
	if err != nil {
		return nil, err.Error()
	}
	schedule := &patient{Schedule: parsed}
	for now, looks := q.Now, 0; len(found) < q.Count; looks++ {
		if looks > patience {
			return found, errEndless.Error()
		}
		schedule.left = patience
		due, err := nextScheduleTime(klog.Logger{}, cj, now, schedule, recorder)
		if err != nil {
			return found, err.Error()
		}
		if due != nil && !q.tooLate(*due, now) && !cj.Status.LastScheduleTime.Equal(&metav1.Time{Time: *due}) {
			// What is due at the first look is a time missed before now, not one to come.
			if now.After(q.Now) {
				found = append(found, due.Unix())
			}
			cj.Status.LastScheduleTime = &metav1.Time{Time: *due}
		}
		now = now.Add(max(0, *nextScheduleTimeDuration(cj, now, schedule)))
	}
	return found, ""
}

func (q *question) tooLate(due, now time.Time) bool {
	return q.DeadlineSeconds != nil && due.Add(time.Duration(*q.DeadlineSeconds)*time.Second).Before(now)
}

// patient is a schedule that panics when it is asked too often.
type patient struct {
	cron.Schedule
	left int
}

func (p *patient) Next(after time.Time) time.Time {
	if p.left--; p.left < 0 {
		panic(errEndless)
	}
	return p.Schedule.Next(after)
}
