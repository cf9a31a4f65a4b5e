package broker

import "time"

// Knobs that operators do not have, for the tests of this package.

// WithSync replaces the sync of the directory.
func (o Options) WithSync(sync func() error) Options { o.sync = sync; return o }

// WithRetentionEvery replaces the time between two looks at the sizes.
func (o Options) WithRetentionEvery(d time.Duration) Options { o.retention = d; return o }

// Dir is the directory of the log.
func (b *Broker) Dir() string { return b.dir }

// NewChangedSync lists what a sync of dir would take, taking it for synced.
func NewChangedSync(dir string) func() ([]string, error) {
	c := newChangedSync(dir)
	return func() ([]string, error) {
		paths, now, err := c.changed()
		c.synced = now
		return paths, err
	}
}

// GroupSync gives the group commit without a broker.
type GroupSync = groupSync

// NewGroupSync makes one.
var NewGroupSync = newGroupSync

// Wait, Run, Fail and CloseNow are its methods.
var (
	Wait     = (*groupSync).wait
	Run      = (*groupSync).run
	Fail     = (*groupSync).fail
	CloseNow = (*groupSync).close
)

// GrantRetention and TopicCost decide sizes.
var (
	GrantRetention = grantRetention
	TopicCost      = topicCost
)
