package broker

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// inspectors judge requests whose head is fine but whose body can end the
// process. Each was found by feeding the cluster made-up requests.
func inspectors() map[kmsg.Key]func(kmsg.Request) bool {
	return map[kmsg.Key]func(kmsg.Request) bool{
		kmsg.JoinGroup: joinsSoundly,
	}
}

// passes decodes a frame, without its size, and asks the inspector.
func passes(frame []byte, inspect func(kmsg.Request) bool) bool {
	key := int16(binary.BigEndian.Uint16(frame))
	version := int16(binary.BigEndian.Uint16(frame[2:]))
	req := kmsg.RequestForKey(key)
	req.SetVersion(version)
	body := kbin.Reader{Src: frame[frameHead-4:]}
	body.NullableString() // the client's id
	if req.IsFlexible() {
		kmsg.SkipTags(&body)
	}
	if !body.Ok() || req.ReadFrom(body.Src) != nil {
		return false
	}
	return inspect(req)
}

// joinsSoundly refuses a member that names no assignment protocol, or one twice:
// the cluster counts names and would find none that all members share.
func joinsSoundly(r kmsg.Request) bool {
	req, ok := r.(*kmsg.JoinGroupRequest)
	if !ok {
		return false
	}
	seen := make(map[string]bool, len(req.Protocols))
	for _, p := range req.Protocols {
		if seen[p.Name] {
			return false
		}
		seen[p.Name] = true
	}
	return len(seen) > 0
}
