/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/cli.h"
#include "protocol/settings.h"

#define CLI_SECONDS_MAX (100LL * 365 * 86400)

enum { OPTION_HELP = 1, OPTION_JSON, OPTION_NO_ASK_PASSWORD, OPTION_VERBOSE, OPTION_OF_VERB };

static const struct option common_options[] = {
        { "help", no_argument, NULL, OPTION_HELP },
        { "json", no_argument, NULL, OPTION_JSON },
        { "no-ask-password", no_argument, NULL, OPTION_NO_ASK_PASSWORD },
        { "verbose", no_argument, NULL, OPTION_VERBOSE },
};

void cli_usage(const Cli *c, const char *format, ...) {
        char text[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        log_error("%s See \"attezt %s --help\".", text, c->verb->words);
        exit(EXIT_USAGE);
}

static void print_help(const Cli *c, const CliOption *options) {
        printf("attezt %s%s%s%s\n\n%s.\n\nOptions:\n", c->verb->words, options ? " [OPTIONS…]" : "",
               c->verb->arguments[0] ? " " : "", c->verb->arguments, c->verb->summary);
        for (const CliOption *o = options; o && o->name; o++) {
                char left[64];
                (void) snprintf(left, sizeof(left), "--%s%s%s", o->name, o->metavar ? " " : "",
                                o->metavar ? o->metavar : "");
                printf("  %-24s %s\n", left, o->help);
        }
        printf("  --json                   Print data as JSON\n"
               "  --no-ask-password        Do not ask for passwords\n"
               "  --verbose                Say more\n");
}

static void set_option(const Cli *c, const CliOption *o, const char *value) {
        switch (o->type) {
        case CLI_FLAG:
                *(bool *) o->to = true;
                break;
        case CLI_TEXT:
                *(const char **) o->to = value;
                break;
        case CLI_LIST: {
                CliList *list = o->to;
                if (list->n >= CLI_LIST_MAX)
                        cli_usage(c, "--%s may be given %u times at most.", o->name, CLI_LIST_MAX);
                list->list[list->n++] = value;
                break;
        }
        case CLI_SECONDS:
                if (settings_parse_duration(value, CLI_SECONDS_MAX, o->to) < 0 || *(int64_t *) o->to == 0)
                        cli_usage(c, "--%s wants a time such as 90s, 24h, 30d or 1y.", o->name);
                break;
        }
}

static void make_table(const CliOption *options, struct option ret[static CLI_OPTIONS_MAX]) {
        size_t n = ELEMENTSOF(common_options);

        memcpy(ret, common_options, sizeof(common_options));
        for (const CliOption *o = options; o && o->name && n + 1 < CLI_OPTIONS_MAX; o++)
                ret[n++] = (struct option) {
                        .name = o->name,
                        .has_arg = o->type == CLI_FLAG ? no_argument : required_argument,
                        .val = OPTION_OF_VERB + (int) (o - options),
                };
        ret[n] = (struct option) {};
}

void cli_parse(Cli *c, int argc, char **argv, const CliOption *options, int min, int max) {
        struct option table[CLI_OPTIONS_MAX];

        make_table(options, table);
        optind = 0; /* begin anew */
        for (int o; (o = getopt_long(argc, argv, "h", table, NULL)) >= 0;)
                switch (o) {
                case 'h':
                case OPTION_HELP:
                        print_help(c, options);
                        exit(EXIT_SUCCESS);
                case OPTION_JSON:
                        c->json = true;
                        break;
                case OPTION_NO_ASK_PASSWORD:
                        c->no_ask_password = true;
                        break;
                case OPTION_VERBOSE:
                        log_set_max_level(LOG_DEBUG);
                        break;
                case '?':
                        exit(EXIT_USAGE);
                default:
                        set_option(c, options + (o - OPTION_OF_VERB), optarg);
                }

        c->operands = argv + optind;
        c->n_operands = argc - optind;
        if (c->n_operands < min)
                cli_usage(c, "Something is missing: attezt %s %s.", c->verb->words, c->verb->arguments);
        if (c->n_operands > max)
                cli_usage(c, "That is one argument too many.");
}
