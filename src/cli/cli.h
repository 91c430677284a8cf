/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs of attezt share. A verb returns the program's exit status and has told the person about
 * any failure itself, on standard error; data goes to standard output. */
#include <systemd/sd-bus.h>

#include "protocol/json-value.h"
#include "shared/log.h"
#include "shared/names.h"

/* Beside EXIT_SUCCESS and EXIT_FAILURE. */
#define EXIT_USAGE 2
#define EXIT_NOT_ENROLLED 3
#define EXIT_NOT_FOUND 4
#define EXIT_DENIED 5
#define EXIT_TEMPORARY 75 /* not reachable, or busy: worth trying again */

/* How long an answer may take; longer while a person may be asked for a password. */
#define CLI_CALL_USEC (30ULL * 1000 * 1000)
#define CLI_INTERACTIVE_CALL_USEC (6ULL * 60 * 1000 * 1000)

typedef struct Cli Cli;

typedef struct Verb {
        const char *words;     /* "ca create" */
        const char *arguments; /* for the help text */
        const char *summary;
        int (*run)(Cli *c, int argc, char **argv); /* argv as of main(), without the words */
} Verb;

struct Cli {
        const Verb *verb;
        bool json;
        bool no_ask_password;
        sd_bus *bus;
        pid_t password_agent;
        /* By cli_parse(): what is left when the options are taken out. */
        char **operands;
        int n_operands;
};

/* cli-options.c: a verb's options are a table on its stack. */
typedef enum CliOptionType {
        CLI_FLAG,    /* bool */
        CLI_TEXT,    /* const char * */
        CLI_LIST,    /* CliList; may be given several times */
        CLI_SECONDS, /* int64_t, from "90s", "1h 30m", "1y"; more than 0 */
} CliOptionType;

#define CLI_OPTIONS_MAX 24U
#define CLI_LIST_MAX 16U

typedef struct CliList {
        const char *list[CLI_LIST_MAX];
        unsigned n;
} CliList;

typedef struct CliOption {
        const char *name; /* without dashes; ends the table when NULL */
        CliOptionType type;
        void *to;
        const char *metavar;
        const char *help;
} CliOption;

/* Takes the verb's options (NULL: none) and the common ones, from anywhere among the arguments, and wants min to
 * max operands. Prints help and ends the program for --help; a message and exit status 2 for what is wrong. */
void cli_parse(Cli *c, int argc, char **argv, const CliOption *options, int min, int max);
void cli_usage(const Cli *c, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* cli-bus.c. All return EXIT_SUCCESS, or the exit status after telling why. */
int cli_bus(Cli *c, sd_bus **ret); /* connects once; *ret is borrowed */
/* A call to Server1 or Agent1, as the interface says; arguments are to be appended. */
int cli_new_call(Cli *c, const char *interface, const char *method, sd_bus_message **ret);
/* Sends it, lets polkit ask for a password, waits. ret: the reply, or NULL. */
int cli_call(Cli *c, sd_bus_message *m, sd_bus_message **ret);
/* The same for a call that a signal of the server's, to this program, accompanies. */
int cli_call_watching(Cli *c, sd_bus_message *m, const char *signal, sd_bus_message_handler_t on_signal,
                      sd_bus_message **ret);
/* Tells a D-Bus error of a service and what a person can do next. */
int cli_bus_error(const Cli *c, const sd_bus_error *error);
/* Tells "Could not <what>: error", for errors from building and reading messages. Returns EXIT_FAILURE. */
int cli_failed(int error, const char *what);

/* cli-call.c */
#define CLI_ERROR_NOT_STARTING "dev.attezt.Error.NotStarting" /* made here, by no service */
/* Like sd_bus_call(), for a service of ours; fails with that error as soon as systemd has given it up, or starts it
 * again and again, instead of waiting until the bus gives up. */
int cli_call_service(sd_bus *bus, sd_bus_message *m, uint64_t usec, sd_bus_error *error, sd_bus_message **ret);
/* systemd has given up the service with that name. False also where there is no systemd. */
typedef enum UnitThere {
        UNIT_UNKNOWN, /* a bus without systemd */
        UNIT_THERE,
        UNIT_MASKED,
        UNIT_MISSING,
} UnitThere;

UnitThere cli_unit_there(sd_bus *bus, const char *path); /* path: of the unit's object */
UnitThere cli_service_there(sd_bus *bus, const char *destination);
bool cli_service_failed(sd_bus *bus, const char *destination);

static inline void cli_message_unrefp(sd_bus_message **m) {
        (void) sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(cli_message_unrefp)

/* cli-password-agent.c: pkttyagent, where polkit has no other way to ask this person. */
void cli_password_agent_open(Cli *c);
void cli_password_agent_close(Cli *c);

/* cli-confirm.c: a yes from whoever sits at the terminal; false is told. */
bool cli_confirm_can_ask(void);
bool cli_confirm(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* cli-data.c. Dictionaries become JSON objects: both kinds of output are made of those. */
int cli_read_dict(sd_bus_message *m, struct json_object **ret); /* a{sv} of s b u t as; negative errno */
int cli_print_json(struct json_object *o);                      /* indented; exit status */
const char *cli_text(struct json_object *o, const char *member); /* "" if it is not there */
bool cli_bool(struct json_object *o, const char *member);
int64_t cli_number(struct json_object *o, const char *member);

#define CLI_TIME_MAX 32U
#define CLI_DURATION_MAX 32U
/* "2026-03-21T21:24:05Z", or "never" for 0. */
const char *cli_format_time(int64_t seconds, char ret[static CLI_TIME_MAX]);
/* "1y", "24h", "90s": the largest unit that divides it. */
const char *cli_format_duration(int64_t seconds, char ret[static CLI_DURATION_MAX]);
/* UTF-8 as it is, but no control characters: for texts that others wrote. */
void cli_put_text(FILE *f, const char *text);
/* The same, line by line, and the further ones indented. */
void cli_put_lines(FILE *f, const char *text);

/* The verbs, one file each. */
int verb_ca_approve(Cli *c, int argc, char **argv);
int verb_ca_backup(Cli *c, int argc, char **argv);
int verb_ca_create(Cli *c, int argc, char **argv);
int verb_ca_deny(Cli *c, int argc, char **argv);
int verb_ca_enroll(Cli *c, int argc, char **argv);
int verb_ca_export(Cli *c, int argc, char **argv);
int verb_ca_export_root_key(Cli *c, int argc, char **argv);
int verb_ca_import(Cli *c, int argc, char **argv);
int verb_ca_issued(Cli *c, int argc, char **argv);
int verb_ca_list(Cli *c, int argc, char **argv);
int verb_ca_log_list(Cli *c, int argc, char **argv);
int verb_ca_log_verify(Cli *c, int argc, char **argv);
int verb_ca_lookup(Cli *c, int argc, char **argv);
int verb_ca_pending(Cli *c, int argc, char **argv);
int verb_ca_remove(Cli *c, int argc, char **argv);
int verb_ca_remove_root_key(Cli *c, int argc, char **argv);
int verb_ca_replace(Cli *c, int argc, char **argv);
int verb_ca_restore(Cli *c, int argc, char **argv);
int verb_ca_revoke(Cli *c, int argc, char **argv);
int verb_ca_root(Cli *c, int argc, char **argv);
int verb_ca_rotate(Cli *c, int argc, char **argv);
int verb_ca_set(Cli *c, int argc, char **argv);
int verb_ca_trust_add(Cli *c, int argc, char **argv);
int verb_ca_trust_import(Cli *c, int argc, char **argv);
int verb_ca_trust_list(Cli *c, int argc, char **argv);
int verb_ca_trust_remove(Cli *c, int argc, char **argv);
int verb_ca_trust_test(Cli *c, int argc, char **argv);
int verb_certificate(Cli *c, int argc, char **argv);
int verb_doctor(Cli *c, int argc, char **argv);
int verb_enroll(Cli *c, int argc, char **argv);
int verb_notify(Cli *c, int argc, char **argv);
int verb_renew(Cli *c, int argc, char **argv);
int verb_setup_chromium(Cli *c, int argc, char **argv);
int verb_setup_firefox(Cli *c, int argc, char **argv);
int verb_setup_networkmanager(Cli *c, int argc, char **argv);
int verb_setup_nss(Cli *c, int argc, char **argv);
int verb_status(Cli *c, int argc, char **argv);
int verb_unenroll(Cli *c, int argc, char **argv);
