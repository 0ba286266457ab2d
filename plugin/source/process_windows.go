package source

import (
	"os/exec"
	"unsafe"

	"golang.org/x/sys/windows"
)

// runTree runs a command to its end. On Windows children outlive the parent
// that is killed. A job object ends them all with it: at the deadline, when
// the command is done, and when this program is killed itself. Where there
// can be no job the command alone is ended.
func runTree(command *exec.Cmd) error {
	job, err := newJob()
	if err != nil {
		return command.Run()
	}
	defer windows.CloseHandle(job) //nolint:errcheck // whatever is left in it ends now
	command.Cancel = func() error {
		err := command.Process.Kill() // it may not be in the job yet
		_ = windows.TerminateJobObject(job, 1)
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	_ = command.Process.WithHandle(func(process uintptr) {
		_ = windows.AssignProcessToJobObject(job, windows.Handle(process))
	})
	return command.Wait()
}

// newJob makes a job object whose processes end with its last handle.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))) //nolint:gosec // how the call takes it
	if err != nil {
		windows.CloseHandle(job) //nolint:errcheck // nothing is in it
		return 0, err
	}
	return job, nil
}
