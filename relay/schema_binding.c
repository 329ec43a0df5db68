/*
 * schema_binding.c
 *		A table's schemas through the registry. See schema_binding.h.
 *
 * Key before value, so that a key that breaks leaves no value behind. With
 * on_schema_break=new-topic the subjects TOPIC, TOPIC-v2... are looked through
 * first: a schema stays for ever with the topic it was registered for, and a
 * new one goes behind the last topic there is.
 */
#include "schema_binding.h"

#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "schema_lineage.h"

#define BINDING_TEXT_LIMIT	((size_t) 8 << 20)
#define BINDING_GENERATIONS	1000

typedef enum BindingState
{
	BINDING_WALK,				/* which topic has the value's schema? */
	BINDING_LOOKUP,				/* is it registered as drafted? */
	BINDING_LATEST,				/* what came before it? */
	BINDING_LOOKUP_AGAIN,		/* is its successor registered? */
	BINDING_REGISTER,
	BINDING_READY
} BindingState;

/* What all that follow need. */
typedef struct Step
{
	SchemaBinder *binder;
	SchemaBinding *binding;
	const Table *table;
	SchemaAnswer answer;
} Step;

/* ---- names ---- */

static bool
set_topic(SchemaBinding *binding)
{
	free(binding->topic);
	if (binding->generation == 1)
		binding->topic = strdup(binding->base_topic);
	else if (asprintf(&binding->topic, "%s-v%u", binding->base_topic,
					  binding->generation) < 0)
		binding->topic = NULL;
	return binding->topic != NULL;
}

/* NULL: out of memory. */
static char *
make_subject(const Step *step)
{
	const SchemaBinding *binding = step->binding;
	const char *name = binding->names[binding->part];
	char	   *subject = NULL;
	int			size = -1;

	switch ((SchemaSubject) step->binder->options->subject)
	{
		case SCHEMA_SUBJECT_TOPIC:
			size = asprintf(&subject, "%s-%s", binding->topic,
							binding->part == SCHEMA_KEY ? "key" : "value");
			break;
		case SCHEMA_SUBJECT_RECORD:
			return strdup(name);
		case SCHEMA_SUBJECT_TOPIC_RECORD:
			size = asprintf(&subject, "%s-%s", binding->topic, name);
			break;
	}
	return size < 0 ? NULL : subject;
}

static const char *
part_word(const SchemaBinding *binding)
{
	return binding->part == SCHEMA_KEY ? "key" : "value";
}

/* ---- going on ---- */

static void
forget_successor(SchemaBinding *binding)
{
	free(binding->successor);
	free(binding->successor_numbers);
	binding->successor = NULL;
	binding->successor_numbers = NULL;
}

static void
next_part(SchemaBinding *binding)
{
	forget_successor(binding);
	if (binding->keyed && !binding->done[SCHEMA_KEY])
		binding->part = SCHEMA_KEY;
	else
		binding->part = SCHEMA_VALUE;
	binding->state = binding->done[binding->part] ? BINDING_READY :
		BINDING_LOOKUP;
}

static bool
enter_generation(SchemaBinding *binding, unsigned generation, Error *err)
{
	binding->generation = generation;
	binding->done[SCHEMA_KEY] = binding->done[SCHEMA_VALUE] = false;
	for (int part = 0; part < SCHEMA_PARTS; part++)
	{
		free(binding->numbers[part]);
		binding->numbers[part] = NULL;
	}
	return set_topic(binding) || error_no_memory(err);
}

static void
finish_part(const Step *step)
{
	SchemaBinding *binding = step->binding;

	binding->ids[binding->part] = step->answer.id;
	binding->numbers[binding->part] = binding->successor_numbers;
	binding->successor_numbers = NULL;
	binding->done[binding->part] = true;
	next_part(binding);
}

static bool
begin(const SchemaBinder *binder, SchemaBinding *binding, Error *err)
{
	if (!enter_generation(binding, 1, err))
		return false;
	binding->existing = 0;
	next_part(binding);
	if (binder->options->on_break == SCHEMA_BREAK_NEW_TOPIC)
	{
		binding->part = SCHEMA_VALUE;
		binding->state = BINDING_WALK;
	}
	return true;
}

/* ---- breaks ---- */

static bool
explain_break(const Step *step, const char *why, Error *err)
{
	const SchemaBinding *binding = step->binding;
	bool		protobuf = step->binder->type == SCHEMA_PROTOBUF;

	error_set(err, ERROR_RECORD, "%s schema for topic \"%s\" breaks readers of earlier ones",
			  part_word(binding), binding->topic);
	error_detail(err, "%s.", why);
	if (step->binder->options->on_break == SCHEMA_BREAK_REMAP)
		return error_hint(err, "Even with numbers of its own the registry does not take it: change the table back, relax the subject's compatibility, or use on_schema_break=new-topic.");
	return error_hint(err, "Change the table back, relax the subject's compatibility in the registry, or use on_schema_break=new-topic%s.",
					  protobuf ? " or remap" : "");
}

/* why: a sentence without its full stop. */
static bool
meet_break(const Step *step, const char *why, Error *err)
{
	SchemaBinding *binding = step->binding;
	unsigned	next = binding->generation + 1;

	if (step->binder->options->on_break != SCHEMA_BREAK_NEW_TOPIC ||
		next > BINDING_GENERATIONS)
		return explain_break(step, why, err);
	log_warning("%s schema for topic \"%s\" breaks readers of earlier ones: %s; records go on to \"%s-v%u\"",
				part_word(binding), binding->topic, why, binding->base_topic,
				next);
	if (!enter_generation(binding, next, err))
		return false;
	next_part(binding);
	return true;
}

static bool
meet_clash(const Step *step, const SchemaSuccessor *successor, Error *err)
{
	char		why[ERROR_TEXT_SIZE];

	snprintf(why, sizeof(why), "Field %u was %s and is column \"%s\" of type %s now",
			 successor->clash->number, successor->meant,
			 successor->clash->name, successor->clash->type_name);
	return meet_break(step, why, err);
}

/* ---- successors ---- */

static bool
print_successor(const Step *step, SchemaSuccessor *successor, Error *err)
{
	SchemaBinding *binding = step->binding;
	Buf			text;
	bool		ok;

	buf_init(&text, BINDING_TEXT_LIMIT);
	if (binding->part == SCHEMA_KEY)
		proto_append_key(&text, step->table, &successor->past);
	else if (step->binder->flat != 0)
		proto_append_flat(&text, step->table, step->binder->flat,
						  &successor->past);
	else
		proto_append_table_after(&text, step->table, &successor->past);
	forget_successor(binding);
	if (buf_string(&text) != NULL)
		binding->successor = strdup(buf_string(&text));
	if (successor->remapped)
	{
		binding->successor_numbers = successor->numbers;
		successor->numbers = NULL;
	}
	ok = binding->successor != NULL;
	buf_free(&text);
	return ok || error_no_memory(err);
}

/* Behind the latest version, whose text the registry gave. */
static bool
follow_latest(const Step *step, Error *err)
{
	SchemaBinding *binding = step->binding;
	bool		remap = step->binder->options->on_break == SCHEMA_BREAK_REMAP;
	SchemaLineage lineage;
	SchemaSuccessor successor = {0};
	bool		ok = schema_lineage_read(&lineage, step->answer.text, err) &&
		schema_successor_make(&successor, &lineage, step->table,
							  binding->part == SCHEMA_KEY, remap, err);

	if (ok && successor.clash != NULL)
		ok = meet_clash(step, &successor, err);
	else if (ok)
	{
		ok = print_successor(step, &successor, err);
		binding->state = ok && strcmp(binding->successor,
									  binding->texts[binding->part]) != 0 ?
			BINDING_LOOKUP_AGAIN : BINDING_REGISTER;
	}
	schema_successor_free(&successor);
	schema_lineage_free(&lineage);
	return ok;
}

/* ---- answers ---- */

static bool
walk_on(const Step *step, SchemaOutcome outcome, Error *err)
{
	SchemaBinding *binding = step->binding;

	if (outcome == SCHEMA_FOUND)
	{
		finish_part(step);
		return true;
	}
	if (outcome == SCHEMA_UNKNOWN)
	{
		binding->existing = binding->generation;
		return enter_generation(binding, binding->generation + 1, err);
	}
	/* no such subject: behind the last there is */
	if (!enter_generation(binding, binding->existing > 0 ?
						  binding->existing : 1, err))
		return false;
	next_part(binding);
	return true;
}

static bool
refuse_unregistered(const Step *step, Error *err)
{
	const SchemaBinding *binding = step->binding;

	error_set(err, ERROR_RECORD, "%s schema for topic \"%s\" is not in the schema registry",
			  part_word(binding), binding->topic);
	return error_hint(err, "Register it, or set auto_register=on.");
}

static bool
take_registered(const Step *step, SchemaOutcome outcome, Error *err)
{
	const SchemaBinding *binding = step->binding;

	if (outcome == SCHEMA_FOUND)
	{
		log_info("%s schema for topic \"%s\" has id %u", part_word(binding),
				 binding->topic, step->answer.id);
		finish_part(step);
		return true;
	}
	if (outcome == SCHEMA_INCOMPATIBLE)
	{
		char		why[ERROR_TEXT_SIZE];

		snprintf(why, sizeof(why), "The schema registry says: %.450s",
				 step->answer.text[0] != '\0' ? step->answer.text :
				 "incompatible");
		return meet_break(step, why, err);
	}
	return error_set(err, ERROR_SINK_SETUP, "schema registry lost the subject of topic \"%s\" while a schema was registered",
					 binding->topic);
}

static bool
take_answer(const Step *step, SchemaOutcome outcome, Error *err)
{
	SchemaBinding *binding = step->binding;
	bool		lineage = step->binder->type == SCHEMA_PROTOBUF &&
		step->table != NULL;

	switch ((BindingState) binding->state)
	{
		case BINDING_WALK:
			return walk_on(step, outcome, err);
		case BINDING_LOOKUP:
			if (outcome == SCHEMA_FOUND)
				finish_part(step);
			else
				binding->state = outcome == SCHEMA_UNKNOWN && lineage ?
					BINDING_LATEST : BINDING_REGISTER;
			return true;
		case BINDING_LATEST:
			if (outcome == SCHEMA_FOUND)
				return follow_latest(step, err);
			binding->state = BINDING_REGISTER;
			return true;
		case BINDING_LOOKUP_AGAIN:
			if (outcome == SCHEMA_FOUND)
				finish_part(step);
			else
				binding->state = BINDING_REGISTER;
			return true;
		default:
			return take_registered(step, outcome, err);
	}
}

/* ---- questions ---- */

static bool
ask(const Step *step, Error *err)
{
	static const SchemaVerb verbs[] = {
		[BINDING_WALK] = SCHEMA_LOOKUP,
		[BINDING_LOOKUP] = SCHEMA_LOOKUP,
		[BINDING_LATEST] = SCHEMA_LATEST,
		[BINDING_LOOKUP_AGAIN] = SCHEMA_LOOKUP,
		[BINDING_REGISTER] = SCHEMA_REGISTER
	};
	SchemaBinding *binding = step->binding;
	SchemaBinder *binder = step->binder;
	const char *text = binding->successor != NULL ? binding->successor :
		binding->texts[binding->part];
	char	   *subject;
	SchemaQuestion question;
	bool		ok;

	if (binding->state == BINDING_REGISTER && !binder->options->auto_register)
		return refuse_unregistered(step, err);
	subject = make_subject(step);
	if (subject == NULL)
		return error_no_memory(err);
	question = (SchemaQuestion) {.verb = verbs[binding->state],
		.type = binder->type, .subject = subject, .schema = slice_of(text)};
	if (binder->current != NULL)
		binder->current->asked = false;
	ok = schema_registry_ask(binder->registry, &question, err);
	free(subject);
	binder->current = binding;
	binding->asked = ok;
	return ok;
}

/* One question or one look at its answer. */
static SchemaBound
step_once(Step *step, Error *err)
{
	SchemaBinding *binding = step->binding;
	SchemaOutcome outcome;

	if (!binding->asked && !ask(step, err))
		return SCHEMA_BOUND_FAILED;
	outcome = schema_registry_poll(step->binder->registry, &step->answer,
								   err);
	if (outcome == SCHEMA_PENDING)
		return SCHEMA_BOUND_WAIT;
	binding->asked = false;
	if (outcome == SCHEMA_FAILED || !take_answer(step, outcome, err))
		return SCHEMA_BOUND_FAILED;
	return SCHEMA_BOUND;
}

SchemaBound
schema_binding_step(SchemaBinder *binder, SchemaBinding *binding,
					const Table *table, Error *err)
{
	Step		step = {.binder = binder, .binding = binding, .table = table};

	while (binding->state != BINDING_READY)
	{
		SchemaBound bound = step_once(&step, err);

		if (bound != SCHEMA_BOUND)
			return bound;
	}
	return SCHEMA_BOUND;
}

/* ---- making one ---- */

SchemaBinding *
schema_binding_new(const SchemaBinder *binder, const SchemaDraft *draft,
				   Error *err)
{
	SchemaBinding *binding = calloc(1, sizeof(*binding));
	bool		ok = binding != NULL;

	if (ok)
	{
		binding->keyed = draft->keyed;
		binding->base_topic = strdup(draft->topic);
		ok = binding->base_topic != NULL;
	}
	for (int part = draft->keyed ? SCHEMA_KEY : SCHEMA_VALUE;
		 ok && part < SCHEMA_PARTS; part++)
	{
		binding->texts[part] = strdup(draft->texts[part]);
		binding->names[part] = strdup(draft->names[part]);
		ok = binding->texts[part] != NULL && binding->names[part] != NULL;
	}
	if (ok && begin(binder, binding, err))
		return binding;
	schema_binding_free(NULL, binding);
	error_no_memory(err);
	return NULL;
}

void
schema_binding_free(SchemaBinder *binder, SchemaBinding *binding)
{
	if (binding == NULL)
		return;
	if (binder != NULL && binder->current == binding)
	{
		schema_registry_cancel(binder->registry);
		binder->current = NULL;
	}
	forget_successor(binding);
	for (int part = 0; part < SCHEMA_PARTS; part++)
	{
		free(binding->texts[part]);
		free(binding->names[part]);
		free(binding->numbers[part]);
	}
	free(binding->topic);
	free(binding->base_topic);
	free(binding);
}

size_t
schema_frame_put(uint8_t *at, SchemaType type, uint32_t id)
{
	at[0] = 0;
	for (int i = 0; i < 4; i++)
		at[1 + i] = (uint8_t) (id >> (8 * (3 - i)));
	if (type == SCHEMA_AVRO)
		return SCHEMA_FRAME_AVRO;
	at[5] = 0;
	return SCHEMA_FRAME_PROTOBUF;
}
