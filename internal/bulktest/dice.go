package bulktest

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Dice is a seeded source of choices. A nil one always takes the plain choice:
// no chance comes true and the lowest number is drawn. Safe for concurrent use.
type Dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

// NewDice makes dice that fall the same way for the same seed.
func NewDice(seed uint64) *Dice {
	return &Dice{r: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))} //nolint:gosec // a test must be able to repeat it
}

// Fork makes dice of their own for another part of the test.
func (d *Dice) Fork() *Dice {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return NewDice(d.r.Uint64())
}

// Chance is true with probability p.
func (d *Dice) Chance(p float64) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.Float64() < p
}

// Intn draws from [0, n); 0 when n is not positive.
func (d *Dice) Intn(n int) int {
	if d == nil || n <= 0 {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// Between draws from [least, most].
func (d *Dice) Between(least, most int) int { return least + d.Intn(most-least+1) }

// Duration draws from [least, most].
func (d *Dice) Duration(least, most time.Duration) time.Duration {
	return least + time.Duration(d.Intn(int(most-least)+1))
}

// Pick draws one of the choices, which must not be empty.
func Pick[T any](d *Dice, choices []T) T { return choices[d.Intn(len(choices))] }
