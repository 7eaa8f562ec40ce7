// Command launcher starts the programs that the benchmark times, and says what each of them took.
//
// It runs inside a scratch host for as long as that host does, so that a timed call pays for no nsenter. It is a
// program of its own, and not Node, for two reasons. The kernel tells what a child and all its descendants took (processor time in
// microseconds, the largest resident set of one process) only to the wait4 call of their parent, which Node does
// not pass on. And a child inherits the peak of the resident set of who starts it: a launcher of 60 MB would hide every plugin's.
//
// Each line of standard input is a Batch, whose calls are all started at once; each line of standard output is its Done.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

type Call struct {
	Argv  []string `json:"argv"`
	Env   []string `json:"env"`
	Stdin string   `json:"stdin"`
}

type Batch struct {
	Calls []Call `json:"calls"`
}

type Outcome struct {
	Status    int    `json:"status"`
	Stdout    string `json:"stdout"`
	Stderr    string `json:"stderr"`
	WallNs    int64  `json:"wallNs"`
	CpuUs     int64  `json:"cpuUs"`
	MaxRssKib int64  `json:"maxRssKib"`
}

type Done struct {
	WallNs   int64     `json:"wallNs"`
	Outcomes []Outcome `json:"outcomes"`
}

func run(call Call) Outcome {
	var stdout, stderr bytes.Buffer
	command := exec.Cmd{
		Path:   call.Argv[0],
		Args:   call.Argv,
		Env:    call.Env,
		Stdin:  bytes.NewReader([]byte(call.Stdin)),
		Stdout: &stdout,
		Stderr: &stderr,
	}
	start := time.Now()
	err := command.Run()
	outcome := Outcome{WallNs: time.Since(start).Nanoseconds()}
	outcome.Stdout = stdout.String()
	outcome.Stderr = stderr.String()
	if command.ProcessState == nil {
		outcome.Status = 127
		outcome.Stderr = err.Error()
		return outcome
	}
	outcome.Status = command.ProcessState.ExitCode()
	usage := command.ProcessState.SysUsage().(*syscall.Rusage)
	outcome.CpuUs = usage.Utime.Nano()/1000 + usage.Stime.Nano()/1000
	outcome.MaxRssKib = usage.Maxrss
	return outcome
}

func runAll(batch Batch) Done {
	done := Done{Outcomes: make([]Outcome, len(batch.Calls))}
	// No collection of garbage falls into a timed call.
	runtime.GC()
	start := time.Now()
	if len(batch.Calls) == 1 {
		done.Outcomes[0] = run(batch.Calls[0])
	} else {
		var group sync.WaitGroup
		for index, call := range batch.Calls {
			group.Add(1)
			go func() {
				defer group.Done()
				done.Outcomes[index] = run(call)
			}()
		}
		group.Wait()
	}
	done.WallNs = time.Since(start).Nanoseconds()
	return done
}

func main() {
	debug.SetGCPercent(-1)
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	output := json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var batch Batch
		if err := json.Unmarshal(line, &batch); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		if err := output.Encode(runAll(batch)); err != nil {
			os.Exit(1)
		}
	}
}
