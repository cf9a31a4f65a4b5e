package kafka

import "sync"

// bufferPool keeps the byte slices of batches between uses.
type bufferPool struct{ pool sync.Pool }

// maxPooledBytes keeps a rare huge batch from staying in memory.
const maxPooledBytes = 4 << 20

// get returns an empty slice with room for at least n bytes.
func (p *bufferPool) get(n int) []byte {
	if b, ok := p.pool.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:0]
	}
	return make([]byte, 0, max(n, 16<<10))
}

// put takes back a slice that nothing refers to any more.
func (p *bufferPool) put(b []byte) {
	if cap(b) > 0 && cap(b) <= maxPooledBytes {
		p.pool.Put(&b)
	}
}
