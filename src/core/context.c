/*
 * Contexts: making and ending them.
 */
#include <core/fastipc.h>
#include <core/state.h>

struct context *context_new(struct zone *zone, struct cap *memory, exo_frame_t page)
{
	struct context *context = slab_alloc(&zone->context_slab, &zone->pool, sizeof(*context));

	context->zone = zone;
	context->page = hal_phys_ptr(page);
	context->serial = ++core.object_serial;
	context->next = zone->contexts;
	if (zone->contexts)
		zone->contexts->prev = context;
	zone->contexts = context;
	zone->context_count++;
	core.context_count++;
	bind_frames(&context->page_binding, BINDING_CONTEXT, zone, memory, page, 1);
	hal_ctx_init(&context->hal, &zone->space, context->page);
	return context;
}

void context_destroy(struct context *context)
{
	struct zone *zone = context->zone;

	if (context->running) {
		context->doomed = true;
		cpus_leave(context);
		return;
	}
	fastipc_forget(context);
	if (!context->dead)
		hal_ctx_fini(&context->hal);
	if (context->page_binding.kind != BINDING_NONE)
		unbind_frames(&context->page_binding);
	if (context->prev)
		context->prev->next = context->next;
	else
		zone->contexts = context->next;
	if (context->next)
		context->next->prev = context->prev;
	zone->context_count--;
	core.context_count--;
	slab_free(&zone->context_slab, context);
}

bool context_has_page(const struct context *context)
{
	return !context->dead && !cap_is_expired(cap_at(context->page_binding.slot));
}

void context_pin(struct context *context)
{
	context->running++;
	context->zone->running++;
}

void context_unpin(struct context *context)
{
	context->zone->running--;
	if (--context->running == 0 && context->doomed)
		context_destroy(context);
}

struct context *context_of_binding(struct binding *binding)
{
	return (struct context *)(void *)((char *)binding - offsetof(struct context, page_binding));
}
