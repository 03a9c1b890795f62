/* Intrusive doubly linked lists with a head. A node that is in no list points to itself. */
#ifndef LIBOS_LIST_H
#define LIBOS_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))
/* `at` may not be removed from the list inside the loop; use LIST_EACH_SAFE for that. */
#define LIST_EACH(at, head) for (struct list *at = (head)->next; at != (head); at = at->next)
#define LIST_EACH_SAFE(at, after, head)                                                            \
	for (struct list *at = (head)->next, *after = at->next; at != (head);                      \
	     at = after, after = at->next)

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_insert_after(struct list *where, struct list *node)
{
	node->next = where->next;
	node->prev = where;
	where->next->prev = node;
	where->next = node;
}

static inline void list_push_back(struct list *head, struct list *node) { list_insert_after(head->prev, node); }
static inline void list_push_front(struct list *head, struct list *node) { list_insert_after(head, node); }

/* Takes the node out; harmless when it is in no list. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

static inline struct list *list_first(struct list *head) { return list_empty(head) ? NULL : head->next; }

#endif
