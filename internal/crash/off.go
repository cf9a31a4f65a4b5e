//go:build !crash

package crash

// Enabled tells whether this binary can crash itself.
const Enabled = false

// Before is reached when a step is about to begin.
func Before(Step) {}

// After is reached when a step's effect is durable.
func After(Step) {}

// Point is a place that is not at the edge of a step.
func Point(string) {}
