/* SPDX-License-Identifier: MIT */
/* attezt-agent: the device's side of attestation on the bus. It has no TPM and no network: attezt-enroll has. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include <systemd/sd-daemon.h>

#include "agent/agent-bus.h"
#include "shared/log.h"
#include "shared/names.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Agent *, agent_free)
DEFINE_TRIVIAL_CLEANUP_FUNC(AgentBus *, agent_bus_free)

static void help(void) {
        printf("attezt-agent [OPTION…]\n\n"
               "Enrols this device by its TPM and keeps its certificate; D-Bus service " ATTEZT_AGENT_BUS_NAME ".\n\n"
               "  --config FILE         settings (" ATTEZT_SETTINGS_DIR "/agent.conf and its drop-ins)\n"
               "  --state-dir DIR       what attezt-enroll recorded (" ATTEZT_AGENT_STATE_DIR ")\n"
               "  --ca-dir DIR          further roots for TLS, PEM (" ATTEZT_SETTINGS_DIR "/ca.d)\n"
               "  --tcti CONF           the TPM, for an attezt-enroll that this program starts\n"
               "  --enroll-socket PATH  where attezt-enroll listens (" ATTEZT_ENROLL_SOCKET "\n"
               "                        if it is there, else it is started)\n"
               "  --verbose             say more\n"
               "  --help, --version\n\n"
               "Exit status: 0 ended, 1 failed, 2 wrong usage.\n");
}

/* 1: go on, 0: done, -EINVAL: wrong usage. */
static int parse_options(int argc, char **argv, AgentOptions *ret) {
        enum { OPT_CONFIG = 256, OPT_STATE_DIR, OPT_CA_DIR, OPT_TCTI, OPT_ENROLL_SOCKET, OPT_VERBOSE, OPT_VERSION };
        static const struct option options[] = {
                { "config", required_argument, NULL, OPT_CONFIG },
                { "state-dir", required_argument, NULL, OPT_STATE_DIR },
                { "ca-dir", required_argument, NULL, OPT_CA_DIR },
                { "tcti", required_argument, NULL, OPT_TCTI },
                { "enroll-socket", required_argument, NULL, OPT_ENROLL_SOCKET },
                { "verbose", no_argument, NULL, OPT_VERBOSE },
                { "version", no_argument, NULL, OPT_VERSION },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case OPT_CONFIG:
                        ret->config = optarg;
                        break;
                case OPT_STATE_DIR:
                        ret->state_dir = optarg;
                        break;
                case OPT_CA_DIR:
                        ret->ca_dir = optarg;
                        break;
                case OPT_TCTI:
                        ret->tcti = optarg;
                        break;
                case OPT_ENROLL_SOCKET:
                        ret->enroll_socket = optarg;
                        break;
                case OPT_VERBOSE:
                        log_set_max_level(LOG_DEBUG);
                        break;
                case OPT_VERSION:
                        printf("attezt-agent %s\n", ATTEZT_VERSION);
                        return 0;
                case 'h':
                        help();
                        return 0;
                default:
                        return -EINVAL; /* getopt has said what */
                }
        if (optind < argc) {
                fprintf(stderr, "attezt-agent: unexpected argument \"%s\"\n", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        int r;

        (void) sd_notify(false, "RELOADING=1");
        r = agent_reload(userdata);
        if (r < 0)
                log_error_errno(r, "Settings could not be read again: %m");
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int add_signals(sd_event *event, Agent *agent) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(&set, signals[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                bool hangup = signals[i] == SIGHUP;
                r = sd_event_add_signal(event, NULL, signals[i], hangup ? on_hangup : NULL, hangup ? agent : NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int run(const AgentOptions *options) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(agent_freep) Agent *agent = NULL;
        _cleanup_(agent_bus_freep) AgentBus *agent_bus = NULL;
        int r;

        r = sd_event_default(&event);
        if (r < 0)
                return log_error_errno(r, "No event loop: %m");
        (void) sd_event_set_watchdog(event, true);
        r = agent_new(event, options, &agent);
        if (r < 0)
                return log_error_errno(r, "The agent's state could not be read: %m");
        r = add_signals(event, agent);
        if (r < 0)
                return log_error_errno(r, "Signals could not be caught: %m");

        r = sd_bus_open_system(&bus);
        if (r < 0)
                return log_error_errno(r, "No connection to the system bus: %m");
        (void) sd_bus_set_exit_on_disconnect(bus, true);
        r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return log_error_errno(r, "The bus could not join the event loop: %m");
        r = agent_bus_new(bus, agent, &agent_bus);
        if (r < 0)
                return log_error_errno(r, "The service " ATTEZT_AGENT_BUS_NAME " could not be offered: %m");

        (void) sd_notify(false, "READY=1");
        log_info("Ready: %s.", agent_state(agent));
        r = sd_event_loop(event);
        (void) sd_notify(false, "STOPPING=1");
        return r < 0 ? log_error_errno(r, "The event loop failed: %m") : r;
}

int main(int argc, char **argv) {
        AgentOptions options = {
                .config = ATTEZT_SETTINGS_DIR "/agent.conf",
                .state_dir = ATTEZT_AGENT_STATE_DIR,
                .ca_dir = ATTEZT_SETTINGS_DIR "/ca.d",
        };
        int r;

        log_open("attezt-agent");
        r = parse_options(argc, argv, &options);
        if (r <= 0)
                return r < 0 ? 2 : 0;
        return run(&options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
