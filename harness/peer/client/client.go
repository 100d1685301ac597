// Package client is the reference LwM2M client: a device with objects 0, 1 and 3 that bootstraps,
// registers, serves device management and reports (Core 6). On its own it behaves as a device does;
// otherwise it does what it is told and nothing else. It judges nothing.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/lwm2mspec/lwm2mspec/coap"
	"github.com/lwm2mspec/lwm2mspec/coap/exchange"
	"github.com/lwm2mspec/lwm2mspec/harness/peer"
	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/attributes"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/model"
)

// Config is what a client is made with.
type Config struct {
	Endpoint string
	Version  lwm2m.Version
	Accounts []peer.Account
	Device   lwm2m.Tree // values of object 3 and of further objects
	Dial     peer.Dial
	// Autonomous: it registers, refreshes, bootstraps and reacts by itself, as a device does.
	Autonomous bool
	Behaviour  peer.Behaviour
	Seed       uint64
	Event      func(string)
	OnPanic    func(any)
}

// Client is a running client.
type Client struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu            sync.Mutex
	store         *store
	servers       map[uint16]*serverState // by Short Server ID
	boot          *exchange.Endpoint      // while bootstrap is running
	bootAccount   peer.Account
	bootFinished  chan struct{}
	bootstrapping bool
	observers     []*observer
	opened        uint64
	closed        bool
}

// serverState is what the client knows of one server.
type serverState struct {
	account    peer.Account
	endpoint   *exchange.Endpoint
	location   []string
	sent       sentParameters // of the last registration message
	refreshed  time.Time
	attributes attributes.Set
	wake       chan wakeUp // to its autonomous loop
	disabled   bool
	turn       chan struct{} // holds one registration message at a time
}

// wakeUp tells the loop of a server what to do now.
type wakeUp uint8

const (
	wakeUpdate  wakeUp = iota // something changed
	wakeTrigger               // /1/x/8 was executed
	wakeDisable               // /1/x/4 was executed
	wakeRegister
)

// New makes a client; Start makes it act.
func New(cfg Config) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{cfg: cfg, ctx: ctx, cancel: cancel, store: newStore(model.Default(cfg.Version)), servers: map[uint16]*serverState{}}
	for _, o := range []uint16{0, 1, 3} {
		c.store.objects[o] = true
	}
	c.store.put(cfg.Device)
	for _, a := range cfg.Accounts {
		if b := cfg.Behaviour; !a.Bootstrap {
			if b.ServerID != 0 {
				a.ServerID = b.ServerID
			}
			if b.SecurityID != 0 {
				a.SecurityID = b.SecurityID
			}
		}
		c.store.put(a.Security())
		c.store.put(a.Server())
	}
	if cfg.Behaviour.ExtraObjects {
		c.extra()
	}
	return c
}

// extra adds what no case asks for: further objects, one without an instance, one of a vendor's.
func (c *Client) extra() {
	c.store.objects[5] = true
	c.store.set(lwm2m.NewPath(6, 0, 0), lwm2m.FloatValue(52.5))
	c.store.set(lwm2m.NewPath(6, 0, 1), lwm2m.FloatValue(13.4))
	c.store.set(lwm2m.NewPath(6, 0, 5), lwm2m.TimeValue(1700000000))
	c.store.set(lwm2m.NewPath(33000, 3, 1), lwm2m.StringValue("a vendor's own"))
	c.store.set(lwm2m.NewPath(3, 0, 13), lwm2m.TimeValue(1700000000))
	c.store.set(lwm2m.NewPath(3, 0, 17), lwm2m.StringValue("reference device"))
}

// Start makes an autonomous client act. Without a server account it bootstraps.
func (c *Client) Start() {
	c.mu.Lock()
	accounts := c.store.accounts()
	c.mu.Unlock()
	if !c.cfg.Autonomous {
		return
	}
	if hasServer(accounts) {
		c.serve(accounts)
		return
	}
	c.wg.Go(func() {
		if err := c.Bootstrap(c.ctx); err != nil {
			c.event("bootstrap failed: %v", err)
			return
		}
		if c.cfg.Behaviour.NoRegister {
			return
		}
		c.mu.Lock()
		accounts := c.store.accounts()
		c.mu.Unlock()
		c.serve(accounts)
	})
}

func hasServer(accounts []peer.Account) bool {
	return slices.ContainsFunc(accounts, func(a peer.Account) bool { return !a.Bootstrap })
}

func (c *Client) event(format string, args ...any) {
	if c.cfg.Event != nil {
		c.cfg.Event(fmt.Sprintf(format, args...))
	}
}

// Stop de-registers and ends the client.
func (c *Client) Stop(ctx context.Context) {
	c.mu.Lock()
	var registered []uint16
	for id, s := range c.servers {
		if s.location != nil {
			registered = append(registered, id)
		}
	}
	c.mu.Unlock()
	slices.Sort(registered)
	for _, id := range registered {
		_, _ = c.Deregister(ctx, id)
	}
	c.Kill()
}

// Kill ends the client without a word.
func (c *Client) Kill() {
	c.cancel()
	c.mu.Lock()
	c.closed = true
	var open []*exchange.Endpoint
	for _, s := range c.servers {
		if s.endpoint != nil {
			open = append(open, s.endpoint)
		}
	}
	if c.boot != nil {
		open = append(open, c.boot)
	}
	for _, o := range c.observers {
		o.stop()
	}
	c.observers = nil
	c.mu.Unlock()
	for _, e := range open {
		_ = e.Close()
	}
	c.wg.Wait()
}

// Tree gives what the device holds at and below a path, readable or not.
func (c *Client) Tree(p lwm2m.Path) lwm2m.Tree {
	c.mu.Lock()
	defer c.mu.Unlock()
	var t lwm2m.Tree
	for q, v := range c.store.values {
		if p.Contains(q) {
			t.Add(q, v)
		}
	}
	slices.SortFunc(t.Nodes, func(a, b lwm2m.Node) int { return a.Path.Compare(b.Path) })
	return t
}

// Accounts reads the accounts the device holds now.
func (c *Client) Accounts() []peer.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.store.accounts()
}

// Consistent says whether the device would accept Bootstrap-Finish.
func (c *Client) Consistent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.store.consistent()
}

// SetValue changes a value on the device, as its sensors do; observers are notified.
func (c *Client) SetValue(p lwm2m.Path, v lwm2m.Value) {
	c.mu.Lock()
	c.store.set(p, v)
	c.mu.Unlock()
	c.changed(p)
}

var errNoAccount = errors.New("the client has no account for this server")

// server gives the state for an account, made on first use; the caller holds the lock.
func (c *Client) server(ssid uint16) (*serverState, error) {
	var account *peer.Account
	for _, a := range c.store.accounts() {
		if !a.Bootstrap && a.ShortServerID == ssid {
			account = &a
		}
	}
	if account == nil {
		return nil, errNoAccount
	}
	s := c.servers[ssid]
	if s == nil {
		s = &serverState{attributes: attributes.Set{}, wake: make(chan wakeUp, 16), turn: make(chan struct{}, 1)}
		c.servers[ssid] = s
	}
	s.account = *account
	return s, nil
}

// connect opens the connection to a server unless it is open.
func (c *Client) connect(ctx context.Context, ssid uint16) (*serverState, *exchange.Endpoint, error) {
	c.mu.Lock()
	s, err := c.server(ssid)
	var open *exchange.Endpoint
	if err == nil && s.endpoint != nil {
		select {
		case <-s.endpoint.Done():
		default:
			open = s.endpoint
		}
	}
	c.mu.Unlock()
	if err != nil || open != nil {
		return s, open, err
	}
	conn, err := c.cfg.Dial(ctx, s.account)
	if err != nil {
		return nil, nil, err
	}
	e := c.newEndpoint(conn, func(r *exchange.Request) { c.manage(s, r) }, func(id uint16) { c.rejected(s, id) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return nil, nil, net.ErrClosed
	}
	s.endpoint = e
	return s, e, nil
}

func (c *Client) newEndpoint(conn net.Conn, handle func(*exchange.Request), onReset func(uint16)) *exchange.Endpoint {
	c.mu.Lock()
	c.opened++
	n := c.opened
	c.mu.Unlock()
	return exchange.New(conn, exchange.Config{
		Policy: c.cfg.Behaviour.Exchange, Seed: c.cfg.Seed + n<<32, Handle: handle, OnReset: onReset, OnPanic: c.cfg.OnPanic,
	})
}

// respond answers with the codes and the payload that the behaviour makes of it.
func (c *Client) respond(r *exchange.Request, operation string, p lwm2m.Path, m coap.Message) {
	for _, k := range []string{operation + " " + p.String(), operation + " " + p.Truncate(lwm2m.LevelObject).String(), operation} {
		if code, ok := c.cfg.Behaviour.Answer[k]; ok {
			m.Code = code
			if code.Class() != 2 {
				m.Options, m.Payload = nil, nil
			}
			break
		}
	}
	_ = r.Respond(m)
}
