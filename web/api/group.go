package api

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// ErrNotAllowed: the owner has no right to it, in a group for example.
var ErrNotAllowed = errors.New("not allowed")

// Group is a conversation of several. Groups and people share one space of
// names: whatever takes a person's name for letters takes a group's, too. A
// person of the name comes first; a new group or person whose name is taken
// gets a number.
type Group struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`          // invited, asking (not taken in yet), member, left, removed
	From   string `json:"from,omitempty"`  // who invited me, when invited
	Admin  bool   `json:"admin,omitempty"` // I may add and remove
	Family bool   `json:"family,omitempty"`
	Two    bool   `json:"two,omitempty"` // two admins must add somebody

	Members  []GroupMember  `json:"members"`
	Asked    []string       `json:"asked,omitempty"`    // invited by me, without an answer yet
	Proposed []GroupMember  `json:"proposed,omitempty"` // added by one admin, waiting for a second
	Removals []GroupRemoval `json:"removals,omitempty"` // of which not everybody is known to have heard

	Unread   int        `json:"unread"`
	Waiting  int        `json:"waiting"` // letters that have not left this device
	LastText string     `json:"last_text,omitempty"`
	LastMine bool       `json:"last_mine,omitempty"`
	LastAt   *time.Time `json:"last_at,omitempty"`
}

// GroupMember is somebody in a group.
type GroupMember struct {
	Name    string     `json:"name"`
	Key     string     `json:"key"` // the beginning of their pseudonym in this group
	Me      bool       `json:"me,omitempty"`
	Admin   bool       `json:"admin,omitempty"`
	Contact string     `json:"contact,omitempty"` // ID of the person; empty when they are no contact
	Said    bool       `json:"said"`              // they said themselves who they are
	Teller  string     `json:"teller,omitempty"`  // who said so, when they did not
	By      string     `json:"by,omitempty"`      // who added them; empty for the founder
	HeardAt *time.Time `json:"heard_at"`          // when a letter of theirs was last opened here
	Behind  int        `json:"behind,omitempty"`  // changes that they are not known to have heard of
	Word    *Word      `json:"word,omitempty"`    // their newest about themselves, to the group or to me
}

// GroupRemoval is somebody who was removed or left. Who has not heard of it
// still writes so that they can read it.
type GroupRemoval struct {
	Name     string   `json:"name"`
	By       string   `json:"by,omitempty"` // empty when they left
	NotHeard []string `json:"not_heard"`
}

// Reach tells how many readers in a group have a letter of mine.
type Reach struct {
	Delivered int      `json:"delivered"`
	Read      int      `json:"read"`
	Of        int      `json:"of"`
	Missing   []string `json:"missing,omitempty"` // names of those not known to have it
}

// GroupAsk founds a group.
type GroupAsk struct {
	Name   string   `json:"name"`
	People []string `json:"people"`           // they are invited; the first two become admins
	Family bool     `json:"family,omitempty"` // everybody is an admin
	Two    bool     `json:"two,omitempty"`    // two admins must add somebody
}

// GroupAct changes a group.
type GroupAct struct {
	Group string `json:"group"`
	// Do is add, promote or remove (with Who), join or decline an invitation, or
	// leave; or forget, to erase one that was left on this device. Add also agrees to whom another admin proposed.
	Do  string `json:"do"`
	Who string `json:"who,omitempty"` // a person, or a member's name or key
}

// Groups is the part of the door for conversations of several.
type Groups interface {
	Groups(ctx context.Context) ([]Group, error)
	NewGroup(ctx context.Context, ask GroupAsk) (Group, error)
	ActGroup(ctx context.Context, act GroupAct) (Group, error)
}

func groups(m *http.ServeMux, b Groups) {
	m.Handle("GET /api/v1/groups", get(list(b.Groups)))
	m.Handle("POST /api/v1/groups/new", ask(b.NewGroup))
	m.Handle("POST /api/v1/groups/act", ask(b.ActGroup))
}

// Groups implements Groups.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	return fetch[[]Group](ctx, c, http.MethodGet, "groups", nil)
}

// NewGroup implements Groups.
func (c *Client) NewGroup(ctx context.Context, a GroupAsk) (Group, error) {
	return fetch[Group](ctx, c, http.MethodPost, "groups/new", a)
}

// ActGroup implements Groups.
func (c *Client) ActGroup(ctx context.Context, a GroupAct) (Group, error) {
	return fetch[Group](ctx, c, http.MethodPost, "groups/act", a)
}
