/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "cli/device.h"
#include "protocol/helper-wire.h"

#define JOB_WAIT_SEC 300      /* longer than the agent itself waits for its helper */
#define JOB_POLL_USEC 500000U /* how late an interruption may be seen, at worst */

struct DeviceJob {
        Cli *cli;
        sd_bus *bus;
        uint32_t number;
        bool known, ended, agent_gone;
        bool wait;  /* until it is approved */
        bool any;   /* it waits: whichever job comes next is about it */
        JobOutcome outcome;
        char text[REPORT_TEXT_MAX];
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig) {
        interrupted = 1;
}

/* A line for a person who waits; others get it with --verbose. */
static void show(const char *text) {
        if (isatty(STDERR_FILENO))
                fprintf(stderr, "%s…\n", text);
        else
                log_debug("%s", text);
}

static void show_step(const char *name) {
        for (JobStep s = STEP_TPM; s < _STEP_MAX; s++)
                if (strcmp(job_step_to_string(s), name) == 0)
                        show(job_step_to_text(s));
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *interface, *name, *step;

        if (sd_bus_message_read(m, "s", &interface) < 0 || strcmp(interface, ATTEZT_AGENT_INTERFACE) != 0 ||
            sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
                return 0;
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                if (sd_bus_message_read(m, "s", &name) < 0)
                        return 0;
                if (strcmp(name, "Step") != 0) {
                        if (sd_bus_message_skip(m, "v") < 0)
                                return 0;
                } else if (sd_bus_message_read(m, "v", "s", &step) < 0)
                        return 0;
                else
                        show_step(step);
                if (sd_bus_message_exit_container(m) < 0)
                        return 0;
        }
        return 0;
}

/* The first one is ours with the text, the second everybody's without. */
static int on_finished(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        DeviceJob *j = userdata;
        const char *outcome, *text;
        uint32_t number;

        if (sd_bus_message_read(m, "uss", &number, &outcome, &text) < 0 || !j->known || j->ended ||
            (j->any ? number == j->number : number != j->number))
                return 0;
        j->number = number;
        j->ended = true;
        j->outcome = *outcome ? job_outcome_from_string(outcome) : OUTCOME_DONE;
        (void) snprintf(j->text, sizeof(j->text), "%s", text);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        DeviceJob *j = userdata;
        const char *name, *before, *after;

        if (sd_bus_message_read(m, "sss", &name, &before, &after) >= 0 && *before && j->known)
                j->agent_gone = true;
        return 0;
}

DeviceJob *device_job_free(DeviceJob *j) {
        free(j);
        return NULL;
}

int device_job_listen(Cli *c, DeviceJob **ret) {
        _cleanup_device_job_ DeviceJob *j = calloc(1, sizeof(*j));
        int r, status;

        if (!j)
                return cli_failed(-ENOMEM, "wait for the job");
        j->cli = c;
        status = cli_bus(c, &j->bus);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_match_signal(j->bus, NULL, ATTEZT_AGENT_BUS_NAME, ATTEZT_AGENT_OBJECT, ATTEZT_AGENT_INTERFACE,
                                "JobFinished", on_finished, j);
        if (r >= 0)
                r = sd_bus_match_signal(j->bus, NULL, ATTEZT_AGENT_BUS_NAME, ATTEZT_AGENT_OBJECT,
                                        "org.freedesktop.DBus.Properties", "PropertiesChanged", on_properties, j);
        if (r >= 0)
                r = sd_bus_add_match(j->bus, NULL,
                                     "type='signal',sender='org.freedesktop.DBus',"
                                     "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                                     "arg0='" ATTEZT_AGENT_BUS_NAME "'",
                                     on_owner, j);
        if (r < 0)
                return cli_failed(r, "listen to attezt-agent");
        *ret = TAKE_PTR(j);
        return EXIT_SUCCESS;
}

/* Returns EXIT_SUCCESS when the job has ended, however. */
static int wait_for_end(DeviceJob *j) {
        const struct sigaction catch = { .sa_handler = on_interrupt };
        time_t end = time(NULL) + JOB_WAIT_SEC;
        int r;

        (void) sigaction(SIGINT, &catch, NULL);
        (void) sigaction(SIGTERM, &catch, NULL);
        for (;;) {
                r = sd_bus_process(j->bus, NULL);
                if (r < 0)
                        return cli_failed(r, "wait for the job"), EXIT_TEMPORARY;
                if (j->ended)
                        return EXIT_SUCCESS;
                if (j->agent_gone && j->any)
                        j->agent_gone = false; /* it comes back, and goes on */
                if (j->agent_gone) {
                        log_error("attezt-agent ended before its job was done. \"attezt status\" tells what came of it.");
                        return EXIT_TEMPORARY;
                }
                if (interrupted || (!j->any && time(NULL) > end)) {
                        log_notice("The job goes on without this program; \"attezt status\" tells what comes of it.");
                        return EXIT_TEMPORARY;
                }
                if (r == 0)
                        (void) sd_bus_wait(j->bus, JOB_POLL_USEC);
        }
}

/* The agent asks again by itself; what it hears ends this, unless it is "wait" again, or nothing at all. */
static int wait_for_approval(DeviceJob *j) {
        j->any = true;
        do {
                j->ended = false;
                int status = wait_for_end(j);
                if (status != EXIT_SUCCESS)
                        return status;
        } while (job_outcome_is_open(j->outcome));
        return EXIT_SUCCESS;
}

/* --- How it ended --- */

static int exit_status(JobOutcome outcome) {
        switch (outcome) {
        case OUTCOME_DONE:
                return EXIT_SUCCESS;
        case OUTCOME_UNREACHABLE:
        case OUTCOME_TIMEOUT:
        case OUTCOME_WAITING:
                return EXIT_TEMPORARY;
        case OUTCOME_NOT_ENROLLED:
                return EXIT_NOT_ENROLLED;
        case OUTCOME_INVALID:
                return EXIT_USAGE;
        default:
                return EXIT_FAILURE;
        }
}

static void tell_failure(const DeviceJob *j) {
        if (j->outcome != OUTCOME_WAITING)
                fputs("attezt: error: ", stderr);
        cli_put_lines(stderr, j->text[0] ? j->text : job_outcome_to_string(j->outcome));
        fputc('\n', stderr);
}

static uint64_t not_after(DeviceJob *j) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        uint64_t t = 0;

        (void) sd_bus_get_property_trivial(j->bus, ATTEZT_AGENT_BUS_NAME, ATTEZT_AGENT_OBJECT,
                                           ATTEZT_AGENT_INTERFACE, "NotAfter", &error, 't', &t);
        sd_bus_error_free(&error);
        return t;
}

static int print_json(DeviceJob *j) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        char time[CLI_TIME_MAX];
        uint64_t t = j->outcome == OUTCOME_DONE ? not_after(j) : 0;

        if (!o ||
            json_object_object_add(o, "outcome", json_object_new_string(job_outcome_to_string(j->outcome))) < 0 ||
            json_object_object_add(o, "text", json_object_new_string(j->text)) < 0 ||
            (t > 0 && json_object_object_add(o, "not-after",
                                             json_object_new_string(cli_format_time((int64_t) t, time))) < 0))
                return cli_failed(-ENOMEM, "make JSON");
        return cli_print_json(o);
}

static void tell_success(DeviceJob *j, const char *done_text) {
        char time[CLI_TIME_MAX];
        uint64_t t = not_after(j);

        cli_put_text(stderr, j->text[0] ? j->text : done_text);
        if (t > 0)
                fprintf(stderr, " The certificate is valid until %s.", cli_format_time((int64_t) t, time));
        fputc('\n', stderr);
}

static int nothing_begun(DeviceJob *j) {
        (void) snprintf(j->text, sizeof(j->text), "Nothing is due.");
        if (j->cli->json)
                return print_json(j);
        fprintf(stderr, "%s\n", j->text);
        return EXIT_SUCCESS;
}

int device_job_run(DeviceJob *j, sd_bus_message *m, const char *done_text) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r, status;

        status = cli_call(j->cli, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_read(reply, "u", &j->number);
        if (r < 0)
                return cli_failed(r, "read the answer");
        if (j->number == 0)
                return nothing_begun(j);
        j->known = true;
        status = wait_for_end(j);
        if (status == EXIT_SUCCESS && j->wait && j->outcome == OUTCOME_WAITING) {
                tell_failure(j);
                status = wait_for_approval(j);
        }
        if (status != EXIT_SUCCESS)
                return status;

        if (j->cli->json) {
                status = print_json(j);
                if (status != EXIT_SUCCESS)
                        return status;
        } else if (j->outcome == OUTCOME_DONE)
                tell_success(j, done_text);
        if (j->outcome != OUTCOME_DONE)
                tell_failure(j);
        return exit_status(j->outcome);
}

void device_job_wait_for_approval(DeviceJob *j) {
        j->wait = true;
}
