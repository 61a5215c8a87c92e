// Package cronlib answers what Kubernetes itself makes of a CronJob's schedule: whether the API server takes it, and
// when the CronJob controller starts Jobs. Tests hold the operator's own answers against it.
package cronlib

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const usage = `Usage: localplane cron

Reads questions from standard input, one JSON object a line, and answers each with one line on standard output:
  {"schedule": LINE, "timeZone": NAME}
        what the API server says to a new CronJob: {"errors": {FIELD: WORDS}}, or {} when it takes it
  {"schedule": …, "timeZone": …, "created": TIME, "last": TIME, "deadlineSeconds": N, "now": TIME, "count": N}
        the scheduled times of the Jobs that the controller starts after now: {"runs": [UNIX, …]}, and {"stopped": WHY}
        when there are no more; "errors" as above when the API server does not take it
  {"pattern": RE2, "text": TEXT}
        whether a CEL rule's matches() is true: {"matches": BOOL}
Times are RFC 3339. Zone data: the folder in $ZONEINFO, then the machine's, then that in this binary.
`

// question is one line of the input; which fields it has says what is asked.
type question struct {
	Schedule string  `json:"schedule"`
	TimeZone *string `json:"timeZone"`

	Created         metav1.Time  `json:"created"`
	Last            *metav1.Time `json:"last"`
	DeadlineSeconds *int64       `json:"deadlineSeconds"`
	Now             time.Time    `json:"now"`
	Count           int          `json:"count"`

	Pattern *string `json:"pattern"`
	Text    string  `json:"text"`
}

// answer is one line of the output.
type answer struct {
	Errors  map[string]string `json:"errors,omitempty"`
	Runs    []int64           `json:"runs,omitempty"`
	Stopped string            `json:"stopped,omitempty"`
	Matches *bool             `json:"matches,omitempty"`
}

// Main is the command.
func Main(args []string) int {
	if len(args) > 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	if err := answerAll(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "localplane cron: %v\n", err)
		return 1
	}
	return 0
}

// answerAll writes out what is ready whenever no further question is waiting, so that both single questions and large
// batches get their answers soon.
func answerAll(in io.Reader, out io.Writer) error {
	questions, answers := bufio.NewReader(in), bufio.NewWriter(out)
	patterns := map[string]*regexp.Regexp{}
	for number := 1; ; number++ {
		line, err := questions.ReadBytes('\n')
		if err == io.EOF {
			return answers.Flush()
		}
		if err != nil {
			return err
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			return fmt.Errorf("line %d of the input is no question: %w", number, err)
		}
		given, err := asked.answer(patterns)
		if err != nil {
			return fmt.Errorf("line %d of the input: %w", number, err)
		}
		text, err := json.Marshal(given)
		if err != nil {
			return err
		}
		if _, err := answers.Write(append(text, '\n')); err != nil {
			return err
		}
		if questions.Buffered() == 0 {
			if err := answers.Flush(); err != nil {
				return err
			}
		}
	}
}

func (q *question) answer(patterns map[string]*regexp.Regexp) (*answer, error) {
	if q.Pattern != nil {
		pattern, known := patterns[*q.Pattern]
		if !known {
			var err error
			if pattern, err = regexp.Compile(*q.Pattern); err != nil {
				return nil, err
			}
			patterns[*q.Pattern] = pattern
		}
		matches := pattern.MatchString(q.Text)
		return &answer{Matches: &matches}, nil
	}
	given := &answer{Errors: refusals(q.Schedule, q.TimeZone)}
	if q.Count > 0 && len(given.Errors) == 0 {
		given.Runs, given.Stopped = q.runs()
	}
	return given, nil
}
