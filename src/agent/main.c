/* SPDX-License-Identifier: MIT */
/* attezt-agent: the device's side of attestation on the bus, and its certificate as a PKCS#11 token on the p11-kit
 * socket. It has no TPM and no network: its helpers have. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include <systemd/sd-daemon.h>

#include "agent/agent-idle.h"
#include "agent/agent-metrics.h"
#include "agent/bus-link.h"
#include "agent/pkcs11-socket.h"
#include "agent/seat-watch.h"
#include "agent/settings-check.h"
#include "agent/token.h"
#include "protocol/settings.h"
#include "shared/log.h"
#include "shared/metrics-socket.h"
#include "shared/names.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Agent *, agent_free)
DEFINE_TRIVIAL_CLEANUP_FUNC(Signer *, signer_free)

static void help(void) {
        printf("attezt-agent [OPTION…]\n\n"
               "Enrols this device by its TPM and keeps its certificate; D-Bus service " ATTEZT_AGENT_BUS_NAME ".\n\n"
               "  --config FILE         settings (" ATTEZT_SETTINGS_DIR "/agent.conf and its drop-ins)\n"
               "  --state-dir DIR       what attezt-enroll recorded (" ATTEZT_AGENT_STATE_DIR ")\n"
               "  --ca-dir DIR          further roots for TLS, PEM (" ATTEZT_SETTINGS_DIR "/ca.d)\n"
               "  --tcti CONF           the TPM, for an attezt-enroll that this program starts\n"
               "  --enroll-socket PATH  where attezt-enroll listens (" ATTEZT_ENROLL_SOCKET "\n"
               "                        if it is there, else it is started)\n"
               "  --signer-socket PATH  where attezt-tpm-signer listens (" ATTEZT_TPM_SIGNER_SOCKET ", the same)\n"
               "  --check-settings      say what is wrong with the settings, and end\n"
               "  --renewal-dir DIR     what is remembered of attempts to renew (" ATTEZT_RENEWAL_DIR ")\n"
               "  --exit-idle-time TIME end when nothing is to be done for so long; 0: never (1min if systemd\n"
               "                        passed the PKCS#11 socket, and will start the program again; else never)\n"
               "  --p11kit-socket PATH  the PKCS#11 socket, if systemd passes none (" ATTEZT_P11KIT_SOCKET ")\n"
               "  --verbose             say more\n"
               "  --help, --version\n\n"
               "Exit status: 0 ended, 1 failed, 2 wrong usage, 75 ended and to be started again.\n");
}

static int usage(const char *text) {
        fprintf(stderr, "attezt-agent: %s\n", text);
        return -EINVAL;
}

/* 1: go on, 0: done, -EINVAL: wrong usage. */
static int parse_options(int argc, char **argv, AgentOptions *ret) {
        enum { OPT_CONFIG = 256, OPT_STATE_DIR, OPT_CA_DIR, OPT_TCTI, OPT_ENROLL_SOCKET, OPT_SIGNER_SOCKET,
               OPT_P11KIT_SOCKET, OPT_RENEWAL_DIR, OPT_EXIT_IDLE_TIME, OPT_CHECK_SETTINGS,
               OPT_VERBOSE, OPT_VERSION };
        static const struct option options[] = {
                { "config", required_argument, NULL, OPT_CONFIG },
                { "state-dir", required_argument, NULL, OPT_STATE_DIR },
                { "ca-dir", required_argument, NULL, OPT_CA_DIR },
                { "tcti", required_argument, NULL, OPT_TCTI },
                { "enroll-socket", required_argument, NULL, OPT_ENROLL_SOCKET },
                { "signer-socket", required_argument, NULL, OPT_SIGNER_SOCKET },
                { "p11kit-socket", required_argument, NULL, OPT_P11KIT_SOCKET },
                { "renewal-dir", required_argument, NULL, OPT_RENEWAL_DIR },
                { "exit-idle-time", required_argument, NULL, OPT_EXIT_IDLE_TIME },
                { "check-settings", no_argument, NULL, OPT_CHECK_SETTINGS },
                { "verbose", no_argument, NULL, OPT_VERBOSE },
                { "version", no_argument, NULL, OPT_VERSION },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        const char **const texts[] = { /* from OPT_CONFIG on */
                &ret->config, &ret->state_dir, &ret->ca_dir, &ret->tcti, &ret->enroll_socket, &ret->signer_socket,
                &ret->p11kit_socket, &ret->renewal_dir,
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case OPT_CONFIG ... OPT_RENEWAL_DIR:
                        *texts[c - OPT_CONFIG] = optarg;
                        break;
                case OPT_EXIT_IDLE_TIME:
                        if (settings_parse_duration(optarg, INT32_MAX, &ret->idle_sec) < 0)
                                return usage("--exit-idle-time wants a time such as 90s or 5min");
                        break;
                case OPT_CHECK_SETTINGS:
                        ret->check_settings = true;
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

/* What the program is made of, in the order in which it comes to be. */
typedef struct Program {
        const AgentOptions *options;
        sd_event *event;
        Agent *agent;
        TokenAccess access;
        Pkcs11Token *token;
        Signer *signer;
        Pkcs11Socket *socket;
        SeatWatch *seats;
        Renewal *renewal;
        BusLink *bus;
        AgentIdle *idle;
        AgentMetrics told;
        MetricsSocket *metrics;
        bool activated; /* the service manager has the socket, and starts us again */
} Program;

static void program_done(Program *p) {
        (void) seat_watch_free(p->seats);
        (void) pkcs11_socket_free(p->socket);
        (void) agent_idle_free(p->idle);
        (void) metrics_socket_free(p->metrics);
        (void) bus_link_free(p->bus);
        (void) renewal_free(p->renewal);
        (void) signer_free(p->signer);
        if (p->agent)
                agent_set_loaded(p->agent, NULL, NULL);
        (void) pkcs11_token_free(p->token);
        (void) agent_free(p->agent);
        sd_event_unref(p->event);
}

static void on_loaded(void *userdata) {
        Program *p = userdata;
        token_load(p->token, p->agent);
        if (p->renewal && !agent_busy(p->agent)) /* else the end of the job is looked at */
                renewal_look(p->renewal);
}

static void set_access(Program *p) {
        const AgentSettings *s = agent_settings(p->agent);
        token_access_set(&p->access, s->token_users, s->token_groups);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Program *p = userdata;

        (void) sd_notify(false, "RELOADING=1");
        int r = agent_reload(p->agent);
        if (r < 0)
                log_error_errno(r, "Settings could not be read again: %m");
        set_access(p);
        pkcs11_socket_look_again(p->socket);
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int add_signals(Program *p) {
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
                r = sd_event_add_signal(p->event, NULL, signals[i], hangup ? on_hangup : NULL, hangup ? p : NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Of what systemd passes, or else made here. Without an option for it, a place where we cannot make it is no reason
 * to end: the bus is served. */
static int open_socket(Program *p) {
        const char *path = p->options->p11kit_socket ?: ATTEZT_P11KIT_SOCKET;
        int r;

        r = pkcs11_socket_new(p->event, p->token, p->signer, &p->access, &p->socket);
        if (r < 0)
                return log_error_errno(r, "No PKCS#11 socket: %m");
        p->activated = pkcs11_socket_take_fds(p->socket) > 0;
        if (p->activated)
                return 0;
        r = pkcs11_socket_make(p->socket, path);
        if (r < 0)
                log_error_errno(r, "The PKCS#11 socket %s could not be made: %m", path);
        return p->options->p11kit_socket ? r : 0;
}

static void on_seats(void *userdata) {
        Program *p = userdata;
        pkcs11_socket_look_again(p->socket);
}

static int open_token(Program *p) {
        const AgentOptions *o = p->options;
        const SignerSettings signer = {
                .socket_path = o->signer_socket,
                .tcti = o->tcti ?: agent_settings(p->agent)->tcti,
                .state_dir = o->state_dir,
        };
        int r;

        if ((r = token_new(&p->token)) < 0 || (r = signer_new(p->event, &signer, &p->signer)) < 0)
                return log_error_errno(r, "No PKCS#11 token: %m");
        agent_set_loaded(p->agent, on_loaded, p);
        set_access(p);
        r = open_socket(p);
        if (r < 0)
                return r;
        r = seat_watch_new(p->event, on_seats, p, &p->seats);
        if (r < 0)
                log_debug("Sessions that come and go are seen at new connections only: %s", strerror(-r));
        return 0;
}

static int open_idle(Program *p) {
        const IdleParts parts = { .agent = p->agent, .renewal = p->renewal, .socket = p->socket, .bus = p->bus };
        int64_t seconds = p->options->idle_sec;

        if (seconds < 0)
                seconds = p->activated ? IDLE_DEFAULT_SEC : 0;
        return seconds > 0 ? agent_idle_new(p->event, seconds, &parts, &p->idle) : 0;
}

static int run(const AgentOptions *options) {
        _cleanup_(program_done) Program p = { .options = options };
        int r;

        r = sd_event_default(&p.event);
        if (r < 0)
                return log_error_errno(r, "No event loop: %m");
        (void) sd_event_set_watchdog(p.event, true);
        r = agent_new(p.event, options, &p.agent);
        if (r < 0)
                return log_error_errno(r, "The agent's state could not be read: %m");
        r = add_signals(&p);
        if (r < 0)
                return log_error_errno(r, "Signals could not be caught: %m");
        p.told.agent = p.agent;
        r = metrics_socket_take(p.event, agent_metrics, &p.told, &p.metrics); /* before the other sockets */
        if (r < 0)
                return log_error_errno(r, "No metrics socket: %m");
        /* Before the bus: every program that uses p11-kit waits for an answer there. */
        r = open_token(&p);
        if (r < 0)
                return r;
        r = renewal_new(p.event, p.agent, options->renewal_dir, &p.renewal);
        if (r < 0)
                return log_error_errno(r, "Renewals cannot be planned: %m");
        r = bus_link_new(p.event, p.agent, p.renewal, &p.bus);
        if (r < 0)
                return log_error_errno(r, "The bus could not join the event loop: %m");

        p.told = (AgentMetrics) { .agent = p.agent, .renewal = p.renewal, .signer = p.signer, .socket = p.socket };
        r = open_idle(&p);
        if (r < 0)
                return log_error_errno(r, "No timer: %m");

        (void) sd_notify(false, "READY=1");
        log_info("Ready: %s.", agent_state(p.agent));
        r = sd_event_loop(p.event);
        (void) sd_notify(false, "STOPPING=1");
        pkcs11_socket_store(p.socket);
        return r < 0 ? log_error_errno(r, "The event loop failed: %m") : r;
}

int main(int argc, char **argv) {
        AgentOptions options = {
                .config = ATTEZT_SETTINGS_DIR "/agent.conf",
                .state_dir = ATTEZT_AGENT_STATE_DIR,
                .ca_dir = ATTEZT_SETTINGS_DIR "/ca.d",
                .renewal_dir = ATTEZT_RENEWAL_DIR,
                .idle_sec = -1,
        };
        int r;

        log_open("attezt-agent");
        r = parse_options(argc, argv, &options);
        if (r <= 0)
                return r < 0 ? 2 : 0;
        if (options.check_settings)
                return settings_check(options.config) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        r = run(&options);
        return r < 0 ? EXIT_FAILURE : r;
}
