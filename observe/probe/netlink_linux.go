package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// groups are the kernel's news that concern us. rtnetlink(7)
const groups = 1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) |
	1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1)

// listen hears the kernel's news in the network namespace of the caller's
// thread. Where that is forbidden (Android), polling must do.
func listen(ctx context.Context, changed func()) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return
	}
	if unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}) != nil {
		unix.Close(fd)
		return
	}
	f := os.NewFile(uintptr(fd), "netlink")
	context.AfterFunc(ctx, func() { f.Close() })
	go func() {
		links := map[int32]uint32{}
		b := make([]byte, 64<<10)
		for {
			n, err := f.Read(b)
			switch {
			case errors.Is(err, unix.ENOBUFS):
				changed() // news were lost
			case err != nil:
				return
			case matters(b[:n], links):
				changed()
			}
		}
	}()
}

// flags of a link that decide whether it carries anything.
const flags = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP

// matters reports whether a datagram of the kernel tells of a change. links
// remembers the flags of each link: a wireless card repeats its news without
// any.
func matters(b []byte, links map[int32]uint32) (yes bool) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(b))
		kind := binary.NativeEndian.Uint16(b[4:])
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true // what we cannot read may be anything
		}
		body := b[unix.SizeofNlMsghdr:size]
		switch kind {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			if len(body) < unix.SizeofIfInfomsg {
				return true
			}
			index := int32(binary.NativeEndian.Uint32(body[4:]))
			now := binary.NativeEndian.Uint32(body[8:]) & flags
			before, known := links[index]
			if kind == unix.RTM_DELLINK {
				delete(links, index)
				yes = true
			} else {
				links[index] = now
				yes = yes || !known || before != now
			}
		case unix.RTM_NEWADDR, unix.RTM_DELADDR, unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
			yes = true
		}
		b = b[min(len(b), (size+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
	}
	return yes
}
