package handlers

import "container/list"

// lru is a map that forgets the entry unused for longest when it is full, so
// that strangers cannot fill the memory. It is not safe for concurrent use.
type lru[K comparable, V any] struct {
	max     int
	entries map[K]*list.Element
	order   *list.List // of *lruEntry[K, V], latest use first
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	return &lru[K, V]{max: limit, entries: map[K]*list.Element{}, order: list.New()}
}

// at returns the entry of key, made by fresh if there was none. The pointer is
// good until the next call.
func (l *lru[K, V]) at(key K, fresh func() V) *V {
	if e, ok := l.entries[key]; ok {
		l.order.MoveToFront(e)
		return &e.Value.(*lruEntry[K, V]).value
	}
	if l.order.Len() >= l.max {
		oldest := l.order.Remove(l.order.Back()).(*lruEntry[K, V])
		delete(l.entries, oldest.key)
	}
	entry := &lruEntry[K, V]{key, fresh()}
	l.entries[key] = l.order.PushFront(entry)
	return &entry.value
}

// forget drops the entry of key, if there is one.
func (l *lru[K, V]) forget(key K) {
	if e, ok := l.entries[key]; ok {
		l.order.Remove(e)
		delete(l.entries, key)
	}
}
