package bulk

// Signal wakes a loop that otherwise polls. Notifications that nobody has
// received yet count as one. Safe for concurrent use.
type Signal chan struct{}

// NewSignal returns a signal for one receiver.
func NewSignal() Signal { return make(Signal, 1) }

// Notify wakes the receiver; it never blocks. A nil signal does nothing.
func (s Signal) Notify() {
	select {
	case s <- struct{}{}:
	default:
	}
}
