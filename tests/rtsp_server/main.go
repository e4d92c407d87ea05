// Command rtsp_server is a small RTSP server for the tests: whoever publishes a path is relayed to whoever reads it.
//
//	rtsp_server -listen 127.0.0.1:8554 -rtp 127.0.0.1:8000 [-user NAME -password WORD] [-loss 0.2]
//
// With -user readers must log in. With -loss that share of RTP packets is not passed on, as on a bad radio link; which
// ones is the same on every run.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"net"
	"strconv"
	"sync"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtp"
)

type relay struct {
	server         *gortsplib.Server
	user, password string
	loss           float64

	mutex   sync.Mutex
	streams map[string]*gortsplib.ServerStream
	paths   map[*gortsplib.ServerSession]string // of publishers
}

func (r *relay) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if path, publishes := r.paths[ctx.Session]; publishes {
		r.streams[path].Close()
		delete(r.streams, path)
		delete(r.paths, ctx.Session)
	}
}

func (r *relay) find(conn *gortsplib.ServerConn, request *base.Request, path string) (
	*base.Response, *gortsplib.ServerStream, error,
) {
	if r.user != "" && !conn.VerifyCredentials(request, r.user, r.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	stream := r.streams[path]
	if stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, stream, nil
}

func (r *relay) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (
	*base.Response, *gortsplib.ServerStream, error,
) {
	return r.find(ctx.Conn, ctx.Request, ctx.Path)
}

func (r *relay) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.streams[ctx.Path] != nil {
		return &base.Response{StatusCode: base.StatusBadRequest}, fmt.Errorf("%s is published already", ctx.Path)
	}
	stream := &gortsplib.ServerStream{Server: r.server, Desc: ctx.Description}
	if err := stream.Initialize(); err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, err
	}
	r.streams[ctx.Path] = stream
	r.paths[ctx.Session] = ctx.Path
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (r *relay) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if ctx.Session.State() == gortsplib.ServerSessionStatePreRecord {
		return &base.Response{StatusCode: base.StatusOK}, nil, nil
	}
	return r.find(ctx.Conn, ctx.Request, ctx.Path)
}

func (r *relay) OnPlay(_ *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (r *relay) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	r.mutex.Lock()
	stream := r.streams[ctx.Path]
	r.mutex.Unlock()
	lottery := rand.New(rand.NewSource(1))
	ctx.Session.OnPacketRTPAny(func(media *description.Media, _ format.Format, packet *rtp.Packet) {
		if lottery.Float64() >= r.loss {
			_ = stream.WritePacketRTP(media, packet) // a reader that went away is no concern of the publisher
		}
	})
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8554", "RTSP over TCP")
	rtpAddress := flag.String("rtp", "127.0.0.1:8000", "RTP over UDP, an even port; RTCP takes the next")
	user := flag.String("user", "", "name that readers must give")
	password := flag.String("password", "", "password that readers must give")
	loss := flag.Float64("loss", 0, "share of RTP packets to lose")
	flag.Parse()

	host, text, err := net.SplitHostPort(*rtpAddress)
	if err != nil {
		panic(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	r := &relay{
		user: *user, password: *password, loss: *loss,
		streams: map[string]*gortsplib.ServerStream{}, paths: map[*gortsplib.ServerSession]string{},
	}
	r.server = &gortsplib.Server{
		Handler:        r,
		RTSPAddress:    *listen,
		UDPRTPAddress:  *rtpAddress,
		UDPRTCPAddress: net.JoinHostPort(host, strconv.Itoa(port+1)),
	}
	if err := r.server.Start(); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	panic(r.server.Wait())
}
