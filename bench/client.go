package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// client posts prepared requests over one connection. net/http's own client
// takes as much of the machine as the service under test; this one writes what
// it is given and reads as much of the answer as it must.
type client struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

// callTime is how long Twilio waits for an answer to a webhook, and longer than
// a visitor does.
const callTime = 5 * time.Second

// do sends one whole request and returns the status of the answer. After an
// error the next call connects anew.
func (c *client) do(ctx context.Context, request []byte) (status int, err error) {
	if c.conn == nil {
		if c.conn, err = (&net.Dialer{Timeout: callTime}).DialContext(ctx, "tcp", c.address); err != nil {
			return 0, err
		}
		c.in = bufio.NewReader(c.conn)
	}
	if status, err = c.exchange(request); err != nil {
		c.close()
	}
	return status, err
}

func (c *client) exchange(request []byte) (status int, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(callTime)); err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	return c.read()
}

// read takes one answer off the connection.
func (c *client) read() (status int, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("not HTTP: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("not HTTP: %q", line)
	}
	return status, c.skipRest()
}

var errChunked = errors.New("the answer does not say how long it is")

// skipRest reads the headers and the body of an answer with a known length.
func (c *client) skipRest() error {
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= len("\r\n") {
			break
		}
		name, value, _ := strings.Cut(string(line), ":")
		switch {
		case strings.EqualFold(name, "Content-Length"):
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		case strings.EqualFold(name, "Transfer-Encoding"):
			return errChunked
		}
	}
	_, err := io.CopyN(io.Discard, c.in, int64(length))
	return err
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing more is wanted of it
		c.conn = nil
	}
}
