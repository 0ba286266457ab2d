package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"check_exchange_authcert/plugin/psrp"
	"check_exchange_authcert/plugin/wsman"
)

// remoteSession is a PowerShell session in a WS-Management shell of Exchange's endpoint.
type remoteSession struct {
	conversation *wsman.Conversation
	config       wsman.Config
	pool         *psrp.Pool
	shell        string         // its name, "" while there is none
	asked        bool           // for that shell, which the host may still be making
	running      *psrp.Pipeline // whose end has not been seen
	idle         int            // answers to Receive in a row that brought nothing
}

var (
	errImpatient = errors.New("no answer in the time that it was given")
	errProtocol  = errors.New("PowerShell remoting")
)

// open creates the shell and waits for the runspace pool in it.
func (s *remoteSession) open(ctx context.Context) error {
	s.pool, s.running = psrp.NewPool(), nil
	answer, err := s.conversation.Do(ctx, s.createMessage(s.pool.Open()))
	if err != nil {
		if mayHaveArrived(err) {
			s.shell, s.asked = s.pool.ID().String(), true // which is the name that was asked for
		}
		return err
	}
	if s.shell, err = createdShell(answer); err != nil {
		s.shell = s.pool.ID().String() // likewise
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	for s.pool.State() == psrp.PoolOpening {
		received, err := s.receive(ctx, "", longWait)
		if err != nil {
			return err
		}
		for _, data := range received.stdout {
			reply, err := s.pool.Receive(data)
			if err != nil {
				return fmt.Errorf("%w: %w", errProtocol, err)
			}
			if err := s.answer(ctx, "", reply); err != nil {
				return err
			}
		}
	}
	if s.pool.State() != psrp.PoolOpened {
		return &poolError{s.pool}
	}
	return nil
}

// poolError is a pool that did not open, or not for long.
type poolError struct{ pool *psrp.Pool }

func (e *poolError) Error() string {
	text := fmt.Sprintf("the session did not open (state %d)", e.pool.State())
	if failure := e.pool.Failure(); failure != nil {
		text += ": " + firstWords(failure.Message)
	}
	return text
}

// run runs one command to its end: two messages, unless its output is long or takes long. Patience bounds the wait; after
// that the command is still running, and the session is good for nothing but close. A host that does not answer at all
// by then is late, and the connection of no use either.
func (s *remoteSession) run(ctx context.Context, command psrp.Command, patience time.Duration) (*psrp.Pipeline, error) {
	pipeline, err := s.pool.NewPipeline(command)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	ctx, cancelLate := context.WithTimeout(ctx, patience+late)
	defer cancelLate()
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.running = pipeline
	if _, err := s.conversation.Do(ctx, s.commandMessage(pipeline)); err != nil {
		return nil, err
	}
	for !pipeline.Done() {
		received, err := s.receive(ctx, pipeline.ID().String(), remaining(patient))
		if err == nil {
			err = s.take(ctx, pipeline, received)
		}
		switch {
		case err != nil && !isOperationTimeout(err):
			return pipeline, err
		case !pipeline.Done() && remaining(patient) <= shortWait:
			return pipeline, errImpatient // also when it has been talking all the time
		}
	}
	s.running = nil
	return pipeline, nil
}

func (s *remoteSession) take(ctx context.Context, pipeline *psrp.Pipeline, received received) error {
	for _, data := range received.stdout {
		reply, err := pipeline.Receive(data)
		if err != nil {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
		if err := s.answer(ctx, pipeline.ID().String(), reply); err != nil {
			return err
		}
	}
	if received.done && !pipeline.Done() {
		return fmt.Errorf("%w: the command ended without saying how", errProtocol)
	}
	return nil
}

const (
	// maxIdle bounds them: a host that has nothing to say shall wait with its answer.
	maxIdle = 100
	// longWait is how long the host may hold a question for output.
	longWait = 20 * time.Second
	// shortWait is the least that it is given: the protocol's smallest unit that every host keeps to.
	shortWait = time.Second / 2
)

// remaining is the time until a context's deadline, a little less so that the host's "nothing yet" arrives before it.
func remaining(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return longWait
	}
	return time.Until(end) - shortWait/2
}

func (s *remoteSession) receive(ctx context.Context, command string, wait time.Duration) (received, error) {
	wait = max(shortWait, min(longWait, wait, remaining(ctx)))
	answer, err := s.conversation.Do(ctx, s.receiveMessage(command, wait))
	if err != nil {
		if command == "" && isOperationTimeout(err) && ctx.Err() == nil && remaining(ctx) > shortWait {
			return received{}, nil // the session takes its time to open
		}
		return received{}, err
	}
	got, err := parseReceived(answer, command)
	if s.idle++; len(got.stdout) > 0 {
		s.idle = 0
	}
	if err == nil && s.idle > maxIdle {
		err = fmt.Errorf("%d answers in a row without anything in them", s.idle)
	}
	if err != nil {
		return received{}, fmt.Errorf("%w: %w", errProtocol, err)
	}
	return got, nil
}

// answer sends what the host has to be told, if there is anything.
func (s *remoteSession) answer(ctx context.Context, command string, reply []byte) error {
	if len(reply) == 0 {
		return nil
	}
	_, err := s.conversation.Do(ctx, s.sendMessage(command, reply))
	return err
}

// mayHaveArrived tells an error after which the host may have done what it was asked to.
func mayHaveArrived(err error) bool {
	var failed *wsman.Error
	var fault *wsman.Fault
	return errors.As(err, &failed) && !errors.As(err, &fault) && (failed.Stage == wsman.StageSend || failed.Stage == wsman.StageReceive)
}

func isOperationTimeout(err error) bool {
	var failed *wsman.Error
	return errors.As(err, &failed) && failed.OperationTimeout()
}

// end deletes the shell, and a command that may be running in it before. Where that fails otherwise than by a fault the
// shell may still be there.
func (s *remoteSession) end(ctx context.Context) error {
	if s.shell == "" {
		return nil
	}
	if s.running != nil {
		_, _ = s.conversation.Do(ctx, s.signalMessage(s.running.ID().String())) // Delete does it too, with less patience
	}
	_, err := s.conversation.Do(ctx, s.deleteMessage())
	for tries := 1; s.asked && sessionGone(err) && tries < deletions; tries++ {
		select {
		case <-ctx.Done():
		case <-time.After(between):
		}
		_, err = s.conversation.Do(ctx, s.deleteMessage())
	}
	var fault *wsman.Fault
	if err != nil && !errors.As(err, &fault) {
		return err
	}
	s.shell, s.running, s.asked = "", nil, false
	return nil
}

// A shell that was asked for and not waited for may come to be behind its end: it is deleted so many times, at this
// interval.
const (
	deletions = 6
	between   = 100 * time.Millisecond
)

// reopen replaces a session that is stuck or lost, over the same connection unless it shall be anew, with another logon.
// A host that does not end the old one soon is left to do it by itself, after idleTimeout.
func (s *remoteSession) reopen(ctx context.Context, anew bool) error {
	soon, cancel := context.WithTimeout(ctx, least)
	defer cancel()
	if err := s.end(soon); err != nil {
		if ctx.Err() != nil {
			return err
		}
		s.shell, s.running, s.asked, anew = "", nil, false, true
	}
	if anew {
		conversation, err := wsman.New(s.config)
		if err != nil {
			return err
		}
		_ = s.conversation.Close()
		s.conversation = conversation
	}
	return s.open(ctx)
}

// close ends the session and the conversation.
func (s *remoteSession) close(ctx context.Context) {
	_ = s.end(ctx) // otherwise Exchange does it after idleTimeout
	_ = s.conversation.Close()
}

// abandon closes a session that did not open.
func (s *remoteSession) abandon(ctx context.Context) {
	grace, release := withGrace(ctx)
	defer release()
	s.close(grace)
}
