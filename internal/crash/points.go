// Package crash names the places where a process may die, before and after each
// durable step, so that tests can kill it at every one of them.
//
// Without the build tag "crash" every call is empty and compiles to nothing.
// With it, SLUICE_CRASH_AT says where the process kills itself with SIGKILL:
// "7" is the seventh point reached, "apply_commit.after:2" the second time that
// point is reached. SLUICE_CRASH_LOG names a file that each reached point's name
// is appended to, one a line, so that a sweep knows what there is to kill.
//
// The package knows names and signals. It must not know what a step does.
package crash

// Step is a durable step; it has a point before and one after it.
type Step string

// The durable steps, in the order a row meets them. A new one belongs in Steps
// too.
const (
	SpoolWrite      Step = "spool_write"      // upload bytes written to the spool
	SpoolSync       Step = "spool_sync"       // spool made durable
	Accept          Step = "accept"           // upload row inserted: accepted from here on
	SplitProduce    Step = "split_produce"    // row events acknowledged by the log
	SplitCheckpoint Step = "split_checkpoint" // position in the spool stored
	SplitFinished   Step = "split_finished"   // end of every source announced
	ApplyCommit     Step = "apply_commit"     // customers, journal and next_offset committed
	JournalPublish  Step = "journal_publish"  // journal's tail acknowledged by the log
	JournalMark     Step = "journal_mark"     // published mark stored
	OffsetCommit    Step = "offset_commit"    // Kafka's offset committed, a hint
	AggregateCommit Step = "aggregate_commit" // results and next_offset committed
	FinishFile      Step = "finish_file"      // result file stored under its final name
	ResponseStore   Step = "response_store"   // response inserted if absent
	ResponsePublish Step = "response_publish" // response acknowledged by the log
	ResponseMark    Step = "response_mark"    // upload marked as finished
	SpoolDelete     Step = "spool_delete"     // spool removed
	AnalyticsRange  Step = "analytics_range"  // batch boundaries recorded
	AnalyticsInsert Step = "analytics_insert" // batch inserted
	AnalyticsMark   Step = "analytics_mark"   // batch marked as inserted
)

// Steps lists every step, for tests that must cover each.
func Steps() []Step {
	return []Step{
		SpoolWrite, SpoolSync, Accept,
		SplitProduce, SplitCheckpoint, SplitFinished,
		ApplyCommit, JournalPublish, JournalMark, OffsetCommit,
		AggregateCommit, FinishFile, ResponseStore, ResponsePublish, ResponseMark, SpoolDelete,
		AnalyticsRange, AnalyticsInsert, AnalyticsMark,
	}
}

// Names lists every point: each step's before and after.
func Names() []string {
	names := make([]string, 0, 2*len(Steps()))
	for _, s := range Steps() {
		names = append(names, beforeName(s), afterName(s))
	}
	return names
}

func beforeName(s Step) string { return string(s) + ".before" }
func afterName(s Step) string  { return string(s) + ".after" }
