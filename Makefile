# pg_fanout: the plugin and the extension (PGXS) and, below relay/, the relay.
#
#   make                 build all three          make install
#   make demo            see it work (KAFKA=real S3=real for real servers)
#   make check           every test               make check-versions
#   make golden          records against those of the original (DIR=folder)
#   make equality        the plugin's records against pgoutput's (SQL=file)
#   make bench           rows/s and CPU
#   make torture         everything killed again and again, then compared
#                        (RELAY_KILLS=500 WALSENDER_KILLS=300 SERVER_STOPS=50
#                        BROKER_KILLS=50 WRITERS=16: at most 40 minutes)
#
# demo, check, golden, equality, bench and torture install what they need; the rest
# wants PostgreSQL's server headers (PG_CONFIG names another server's
# pg_config), librdkafka, libcurl, protobuf-c with its compiler, OpenSSL, zlib,
# zstd, lz4 and jansson.
PG_CONFIG ?= pg_config

# These need no pg_config yet: they install one. (PGXS has a check of its own.)
RIG_GOALS = demo check check-versions golden equality bench torture
.PHONY: $(RIG_GOALS)
ifneq ($(filter $(RIG_GOALS),$(MAKECMDGOALS)),)
ifneq ($(filter-out $(RIG_GOALS),$(MAKECMDGOALS)),)
$(error run $(filter $(RIG_GOALS),$(MAKECMDGOALS)) by itself, without other goals)
endif
demo check check-versions:
	@regress/$@
golden:
	@GOLDEN_DIR='$(abspath $(DIR))' regress/check golden
equality:
	@regress/equality/run $(SQL:%='%')
bench:
	@regress/bench/run
torture:
	@regress/torture/run
else

EXTENSION = sql/pg_fanout
EXTVERSION = 0.1.0
MODULE_big = pg_fanout
DATA = $(wildcard sql/pg_fanout--*.sql)
COMMON = wire buf table change json_value row_read row_json proto_name proto_text change.pb-c
OBJS = plugin/plugin.o plugin/stream.o plugin/publish.o plugin/option.o \
	plugin/cache.o plugin/publication.o plugin/filter.o plugin/table.o \
	plugin/type.o plugin/row.o plugin/value.o plugin/array.o plugin/text.o \
	plugin/frame.o \
	sql/peek.o sql/record_json.o sql/describe.o \
	$(COMMON:%=plugin/common/%.o)

PG_CPPFLAGS = -DPG_FANOUT_BACKEND -DPG_FANOUT_VERSION='"$(EXTVERSION)"' -I$(srcdir)/plugin -I$(srcdir)/plugin/common -Iplugin/common
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -fvisibility=hidden $(WERROR)
# Linked statically and hidden: another extension of the same backend may
# bring its own protobuf-c.
PROTOBUF_C_LIB := $(shell $(CC) -print-file-name=libprotobuf-c.a)
SHLIB_LINK = $(if $(findstring /,$(PROTOBUF_C_LIB)),$(PROTOBUF_C_LIB) -Wl$(comma)--exclude-libs$(comma)ALL,-lprotobuf-c)
comma := ,
# Logical decoding wants settings of its own: a private server has them.
NO_INSTALLCHECK = yes
EXTRA_CLEAN = plugin/common/change.pb-c.c plugin/common/change.pb-c.h

ifeq ($(shell command -v $(PG_CONFIG)),)
PGXS :=
srcdir := .
all install installcheck clean:
	@echo "pg_config not found: install PostgreSQL's server headers (Debian: postgresql-server-dev-all) or say PG_CONFIG=/path/to/pg_config" >&2; exit 1
else
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
.PHONY: installcheck
installcheck:
	$(srcdir)/regress/rig/regression $(PG_CONFIG)
endif

$(OBJS) $(OBJS:.o=.bc): plugin/common/change.pb-c.h $(wildcard $(srcdir)/plugin/*.h \
	$(srcdir)/plugin/common/*.h $(srcdir)/sql/*.h)
# In a build outside of the source tree the directories are missing, and VPATH
# would find the source's.
$(shell mkdir -p $(sort $(dir $(OBJS))))
plugin/common/change.pb-c.c: plugin/common/change.pb-c.h
plugin/common/change.pb-c.h: plugin/change.proto
	@mkdir -p plugin/common
	protoc-c -I$(srcdir)/plugin --c_out=plugin/common change.proto

# The relay serves all versions, and PostgreSQL's own directory is often on
# nobody's path. DESTDIR reaches it by itself.
RELAY_BINDIR = /usr/local/bin
RELAY_MANDIR = /usr/local/share/man

.PHONY: relay install-relay uninstall-relay clean-relay
all: relay
relay:
	$(MAKE) -C $(srcdir)/relay
install: install-relay
install-relay: relay
	$(MAKE) -C $(srcdir)/relay install bindir='$(RELAY_BINDIR)' mandir='$(RELAY_MANDIR)'
uninstall: uninstall-relay
uninstall-relay:
	$(MAKE) -C $(srcdir)/relay uninstall bindir='$(RELAY_BINDIR)' mandir='$(RELAY_MANDIR)'
clean: clean-relay
clean-relay:
	$(MAKE) -C $(srcdir)/relay clean

endif				# RIG_GOALS
