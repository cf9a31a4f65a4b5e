package e2e_test
import ("testing";"time";"net/http";"bufio")
func TestDbg(t *testing.T) { onEach(t, func(t *testing.T, b backend) {
 s := start(t, b, "--log-level", "debug"); defer func() { t.Log(s.log) }()
 began := time.Now()
 a := s.send(upload{isCreate: true, file: manyRows(20000), header: headers("Prefer", "respond-async")}).want(t, 202)
 t.Logf("accepted %v", time.Since(began))
 r, _ := http.Get(s.URL+uploadsPath+"/"+a.header.Get("Bulk-Upload-Id")+"/events")
 sc := bufio.NewScanner(r.Body); sc.Buffer(nil, 1<<20)
 for sc.Scan() { if len(sc.Text())>4 && sc.Text()[:3]=="id:" { t.Logf("%v %s", time.Since(began), sc.Text()) } }
 r.Body.Close()
 t.Logf("end %v", time.Since(began))
})}
