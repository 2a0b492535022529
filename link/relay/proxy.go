package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	xproxy "golang.org/x/net/proxy"
)

// throughProxy asks a proxy for a way to hostport. The relay's name, if it has
// one, is looked up at the proxy's end.
func (d *Dialer) throughProxy(ctx context.Context, hostport string) (net.Conn, error) {
	u, err := url.Parse(d.Proxy)
	port := ""
	if err == nil {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080"}[u.Scheme]
	}
	if port == "" || u.Hostname() == "" {
		return nil, fmt.Errorf("%w: its address must look like http://HOST:PORT or socks5://HOST:PORT", ErrProxy)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	at := net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "socks5" {
		return d.throughSOCKS(ctx, at, u.User, hostport)
	}
	return d.throughHTTP(ctx, at, u, hostport)
}

// throughSOCKS speaks SOCKS 5 (RFC 1928), as Tor does.
func (d *Dialer) throughSOCKS(ctx context.Context, at string, user *url.Userinfo, hostport string) (net.Conn, error) {
	var auth *xproxy.Auth
	if user != nil {
		password, _ := user.Password()
		auth = &xproxy.Auth{User: user.Username(), Password: password}
	}
	s, err := xproxy.SOCKS5("tcp", at, auth, opener{d})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProxy, err)
	}
	c, err := s.(xproxy.ContextDialer).DialContext(ctx, "tcp", hostport)
	switch {
	case err == nil:
		return c, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrProxy, ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded): // ctx's, a moment before it says so
		return nil, fmt.Errorf("%w: %w", ErrProxy, context.DeadlineExceeded)
	}
	return nil, fmt.Errorf("%w: %s", ErrProxy, clean(err.Error()))
}

// opener reaches the proxy itself.
type opener struct{ d *Dialer }

func (o opener) Dial(_, addr string) (net.Conn, error) { return o.d.open(context.Background(), addr) }

func (o opener) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	return o.d.open(ctx, addr)
}

// throughHTTP asks by CONNECT. RFC 9110, 9.3.6
func (d *Dialer) throughHTTP(ctx context.Context, at string, u *url.URL, hostport string) (net.Conn, error) {
	c, err := d.open(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProxy, err)
	}
	if u.Scheme == "https" {
		c = tls.Client(c, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	err = connect(c, hostport, u.User)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = c.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", ErrProxy, ctx.Err())
		}
		return nil, err
	}
	return c, nil
}

// connect asks and reads the answer byte by byte: what follows it belongs to
// the relay.
func connect(c net.Conn, hostport string, user *url.Userinfo) error {
	ask := "CONNECT " + hostport + " HTTP/1.1\r\nHost: " + hostport + "\r\n"
	if user != nil {
		password, _ := user.Password()
		ask += "Proxy-Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := c.Write([]byte(ask + "\r\n")); err != nil {
		return fmt.Errorf("%w: %w", ErrProxy, err)
	}
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")) && !bytes.HasSuffix(head, []byte("\n\n")); {
		if _, err := c.Read(b); err != nil {
			return fmt.Errorf("%w: %w", ErrProxy, err)
		}
		if head = append(head, b[0]); len(head) > maxAnswer {
			return fmt.Errorf("%w: an endless answer", ErrProxy)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("%w: it does not speak HTTP", ErrProxy)
	}
	_ = resp.Body.Close() // there is none in head
	switch to := resp.Header.Get("Location"); {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return fmt.Errorf("%w: it asks for a name and password; put them into its address", ErrProxy)
	case resp.StatusCode/100 == 3 && to != "":
		return &NotOurRelay{SeenRedirect, "the proxy's redirect to " + clean(to)}
	}
	return fmt.Errorf("%w: it answers %q", ErrProxy, clean(resp.Status))
}
