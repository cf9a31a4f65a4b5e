package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec names how produced batches are compressed.
type Codec string

// The codecs Produce can write. Fetch reads these and gzip.
const (
	CodecNone   Codec = "none"
	CodecSnappy Codec = "snappy"
	CodecLZ4    Codec = "lz4"
	CodecZstd   Codec = "zstd"
)

// DefaultCodec costs the least CPU of those that at least halve a batch of rows
// (BenchmarkEncode).
const DefaultCodec = CodecSnappy

// Numbers of the codecs in the attributes of a record batch.
const (
	attributeNone   = 0
	attributeGzip   = 1
	attributeSnappy = 2
	attributeLZ4    = 3
	attributeZstd   = 4
)

// maxPlainBytes bounds a decompressed batch, whatever its header promises.
const maxPlainBytes = 64 << 20

var errPlainTooLarge = errors.New("decompressed batch too large")

func (c Codec) attribute() (uint16, error) {
	switch c {
	case CodecNone:
		return attributeNone, nil
	case CodecSnappy:
		return attributeSnappy, nil
	case CodecLZ4:
		return attributeLZ4, nil
	case CodecZstd:
		return attributeZstd, nil
	}
	return 0, fmt.Errorf("kafka: unknown compression %q", string(c))
}

// codecs holds the compressors and decompressors of one Client. It is safe for
// concurrent use.
type codecs struct {
	zstdWriter  *zstd.Encoder
	zstdReader  *zstd.Decoder
	lz4Writers  sync.Pool
	lz4Readers  sync.Pool
	gzipReaders sync.Pool
}

func newCodecs() (*codecs, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(128<<10),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("making zstd encoder: %w", err)
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPlainBytes), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("making zstd decoder: %w", err)
	}
	return &codecs{zstdWriter: w, zstdReader: r}, nil
}

// compress appends src, compressed, to dst.
func (c *codecs) compress(attribute uint16, dst, src []byte) ([]byte, error) {
	switch attribute {
	case attributeNone:
		return append(dst, src...), nil
	case attributeSnappy:
		bound := s2.MaxEncodedLen(len(src))
		if bound < 0 {
			return dst, errPlainTooLarge
		}
		dst = grow(dst, bound)
		packed := s2.EncodeSnappy(dst[len(dst):len(dst)+bound], src)
		return dst[:len(dst)+len(packed)], nil
	case attributeLZ4:
		return c.compressLZ4(dst, src)
	case attributeZstd:
		return c.zstdWriter.EncodeAll(src, dst), nil
	}
	return dst, fmt.Errorf("unknown codec %d", attribute)
}

func (c *codecs) compressLZ4(dst, src []byte) ([]byte, error) {
	w, _ := c.lz4Writers.Get().(*lz4.Writer)
	if w == nil {
		w = lz4.NewWriter(nil)
		// Without a content checksum: the batch has a CRC of its own.
		err := w.Apply(lz4.BlockSizeOption(lz4.Block256Kb), lz4.ConcurrencyOption(1), lz4.ChecksumOption(false))
		if err != nil {
			return dst, fmt.Errorf("setting up lz4: %w", err)
		}
	}
	defer c.lz4Writers.Put(w)
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	if _, err := w.Write(src); err != nil {
		return dst, fmt.Errorf("compressing lz4: %w", err)
	}
	if err := w.Close(); err != nil {
		return dst, fmt.Errorf("compressing lz4: %w", err)
	}
	return out.Bytes(), nil
}

// decompress appends src, decompressed, to dst and refuses to append more than
// maxPlainBytes.
func (c *codecs) decompress(attribute uint16, dst, src []byte) ([]byte, error) {
	switch attribute {
	case attributeGzip:
		return c.decompressGzip(dst, src)
	case attributeSnappy:
		return decompressSnappy(dst, src)
	case attributeLZ4:
		r, _ := c.lz4Readers.Get().(*lz4.Reader)
		if r == nil {
			r = lz4.NewReader(nil)
		}
		defer c.lz4Readers.Put(r)
		r.Reset(bytes.NewReader(src))
		return readBounded(dst, r)
	case attributeZstd:
		out, err := c.zstdReader.DecodeAll(src, dst)
		if err != nil {
			return dst, fmt.Errorf("decompressing zstd: %w", err)
		}
		return out, nil
	}
	return dst, fmt.Errorf("unknown codec %d", attribute)
}

func (c *codecs) decompressGzip(dst, src []byte) ([]byte, error) {
	r, _ := c.gzipReaders.Get().(*gzip.Reader)
	if r == nil {
		r = new(gzip.Reader)
	}
	defer c.gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(src)); err != nil {
		return dst, fmt.Errorf("decompressing gzip: %w", err)
	}
	return readBounded(dst, r)
}

// readBounded appends what r yields to dst.
func readBounded(dst []byte, r io.Reader) ([]byte, error) {
	start := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = grow(dst, max(4<<10, len(dst)))
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if len(dst)-start > maxPlainBytes {
			return dst[:start], errPlainTooLarge
		}
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return dst[:start], fmt.Errorf("decompressing: %w", err)
		}
	}
}

// decompressSnappy reads a raw block, or the framing of the Java clients: an 8-byte
// magic, two 4-byte versions, then blocks that begin with their 4-byte size.
func decompressSnappy(dst, src []byte) ([]byte, error) {
	const magic = "\x82SNAPPY\x00"
	if len(src) < 16 || string(src[:8]) != magic {
		return appendSnappyBlock(dst, src)
	}
	start := len(dst)
	for rest := src[16:]; len(rest) > 0; {
		if len(rest) < 4 {
			return dst[:start], io.ErrUnexpectedEOF
		}
		size := int64(binary.BigEndian.Uint32(rest))
		if size > int64(len(rest)-4) {
			return dst[:start], io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = appendSnappyBlock(dst, rest[4:4+size]); err != nil {
			return dst[:start], err
		}
		if len(dst)-start > maxPlainBytes {
			return dst[:start], errPlainTooLarge
		}
		rest = rest[4+size:]
	}
	return dst, nil
}

func appendSnappyBlock(dst, src []byte) ([]byte, error) {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return dst, fmt.Errorf("decompressing snappy: %w", err)
	}
	if n > maxPlainBytes {
		return dst, errPlainTooLarge
	}
	dst = grow(dst, n)
	out, err := s2.Decode(dst[len(dst):len(dst)+n], src)
	if err != nil {
		return dst, fmt.Errorf("decompressing snappy: %w", err)
	}
	return dst[:len(dst)+len(out)], nil
}

// grow returns b with room for n more bytes, and half as much again as it had:
// records of the batches decoded before keep the old memory, so that there should
// be few such steps.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	larger := make([]byte, len(b), max(len(b)+n, cap(b)+cap(b)/2))
	copy(larger, b)
	return larger
}
