/* SPDX-License-Identifier: MIT */
#include "server/server-settings.h"

#include <getopt.h>
#include <stdio.h>

#include "protocol/ak-certificate.h"
#include "protocol/pending-secrets.h"
#include "shared/log.h"
#include "shared/names.h"
#include "shared/settings-files.h"

#define SETTINGS_FILE ATTEZT_SETTINGS_DIR "/atteztd.conf"

void server_settings_done(ServerSettings *s) {
        free(s->state_dir);
        free(s->config);
        free(s->tls_cert);
        free(s->tls_key);
        free(s->webhook_secret);
        free(s->webhook_client_roots);
        free(s->webhook_client_name);
        for (size_t i = 0; i < SERVER_LISTEN_MAX; i++)
                free(s->listen[i]);
        for (size_t i = 0; i < SERVER_EK_ROOTS_MAX; i++)
                free(s->ek_roots[i]);
        *s = SERVER_SETTINGS_NULL;
}

static int set_text(char **to, const char *value) {
        char *copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        free(*to);
        *to = copy;
        return 0;
}

static int add_text(char **list, size_t max, const char *value) {
        size_t n = 0;

        while (n < max && list[n])
                n++;
        return n < max ? set_text(list + n, value) : -E2BIG;
}

static int set_seconds(int64_t *to, const char *value, int64_t max) {
        int64_t seconds;

        int r = settings_parse_duration(value, max, &seconds);
        if (r < 0)
                return r;
        if (seconds == 0)
                return -ERANGE;
        *to = seconds;
        return 0;
}

static int set_count(unsigned *to, const char *value, size_t max) {
        size_t n;

        int r = settings_parse_number(value, 1, max, &n);
        if (r >= 0)
                *to = (unsigned) n;
        return r;
}

static int set_pending_lifetime(int64_t *to, const char *value) {
        int64_t seconds = 0;

        int r = set_seconds(&seconds, value, WAITING_LIFETIME_MAX);
        if (r < 0)
                return r;
        if (seconds < WAITING_LIFETIME_MIN)
                return -ERANGE;
        *to = seconds;
        return 0;
}

static int set_keep_issued(int64_t *to, const char *value) {
        if (strcmp(value, "infinity") != 0)
                return set_seconds(to, value, SERVER_KEEP_ISSUED_MAX);
        *to = SERVER_KEEP_ISSUED_INFINITY;
        return 0;
}

/* --- Files --- */

typedef enum SettingId {
        LISTEN,
        TLS_CERT,
        TLS_KEY,
        EK_ROOTS,
        ALLOW_PLAINTEXT,
        AK_LIFETIME,
        SECRET_LIFETIME,
        CRL_LIFETIME,
        DEVICE_LIFETIME,
        MAX_PENDING,
        PENDING_LIFETIME,
        MAX_BACKUP,
        KEEP_ISSUED,
        WEBHOOK_SECRET,
        WEBHOOK_CLIENT_ROOTS,
        WEBHOOK_CLIENT_NAME,
        OF_FRONT,
} SettingId;

static const struct {
        const char *section, *key;
        SettingId id;
} known_settings[] = {
        { "Server", "AKLifetime", AK_LIFETIME },
        { "Server", "SecretLifetime", SECRET_LIFETIME },
        { "Server", "CRLLifetime", CRL_LIFETIME },
        { "Server", "DeviceCertificateLifetime", DEVICE_LIFETIME },
        { "Server", "MaxPending", MAX_PENDING },
        { "Server", "PendingLifetime", PENDING_LIFETIME },
        { "Server", "MaxBackupSize", MAX_BACKUP },
        { "Server", "KeepIssued", KEEP_ISSUED },
        { "HTTP", "Listen", LISTEN },
        { "HTTP", "TLSCertificate", TLS_CERT },
        { "HTTP", "TLSKey", TLS_KEY },
        { "HTTP", "AllowPlaintext", ALLOW_PLAINTEXT },
        { "HTTP", "EKRoots", EK_ROOTS },
        { "HTTP", "AllowExpiredEK", OF_FRONT },
        { "HTTP", "AllowSHA1EK", OF_FRONT },
        { "HTTP", "AllowSHA1CA", OF_FRONT },
        { "HTTP", "AllowVirtualTPM", OF_FRONT },
        { "HTTP", "MaxConnections", OF_FRONT },
        { "HTTP", "MaxConnectionsPerSource", OF_FRONT },
        { "HTTP", "MaxHeaderSize", OF_FRONT },
        { "HTTP", "MaxBodySize", OF_FRONT },
        { "HTTP", "HandshakeTimeout", OF_FRONT },
        { "HTTP", "RequestTimeout", OF_FRONT },
        { "HTTP", "IdleTimeout", OF_FRONT },
        { "HTTP", "PendingRetry", OF_FRONT },
        { "HTTP", "RefusalLimit", OF_FRONT },
        { "HTTP", "UnansweredLimit", OF_FRONT },
        { "HTTP", "DeviceLimit", OF_FRONT },
        { "HTTP", "TrustedProxies", OF_FRONT },
        { "HTTP", "ForwardedHeader", OF_FRONT },
        { "HTTP", "WebhookSecret", WEBHOOK_SECRET },
        { "HTTP", "WebhookClientRoots", WEBHOOK_CLIENT_ROOTS },
        { "HTTP", "WebhookClientName", WEBHOOK_CLIENT_NAME },
};

static int set_setting(ServerSettings *s, SettingId id, const char *value) {
        switch (id) {
        case LISTEN:
                return add_text(s->listen, SERVER_LISTEN_MAX, value);
        case EK_ROOTS:
                return add_text(s->ek_roots, SERVER_EK_ROOTS_MAX, value);
        case TLS_CERT:
                return set_text(&s->tls_cert, value);
        case TLS_KEY:
                return set_text(&s->tls_key, value);
        case WEBHOOK_SECRET:
                return set_text(&s->webhook_secret, value);
        case WEBHOOK_CLIENT_ROOTS:
                return set_text(&s->webhook_client_roots, value);
        case WEBHOOK_CLIENT_NAME:
                return set_text(&s->webhook_client_name, value);
        case ALLOW_PLAINTEXT:
                return settings_parse_bool(value, &s->allow_plaintext);
        case OF_FRONT: /* which looks at it itself */
                return 0;
        case AK_LIFETIME:
                return set_seconds(&s->ak_lifetime, value, AK_LIFETIME_MAX);
        case CRL_LIFETIME:
                return set_seconds(&s->crl_lifetime, value, SERVER_CRL_LIFETIME_MAX);
        case DEVICE_LIFETIME:
                return set_seconds(&s->device_lifetime, value, SERVER_DEVICE_LIFETIME_MAX);
        case MAX_PENDING:
                return set_count(&s->pending.max, value, WAITING_DEVICES_MAX);
        case MAX_BACKUP:
                return set_count(&s->backup_mib, value, SERVER_BACKUP_MIB_MAX);
        case KEEP_ISSUED:
                return set_keep_issued(&s->keep_issued, value);
        case PENDING_LIFETIME:
                return set_pending_lifetime(&s->pending.lifetime, value);
        case SECRET_LIFETIME:
                return set_seconds(&s->secret_lifetime, value, SERVER_SECRET_LIFETIME_MAX);
        }
        return -EINVAL;
}

/* What cannot be used is told with its place, and does not keep the others from counting. */
static int on_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                      void *userdata) {
        char escaped[LOG_ESCAPED_MAX];

        for (size_t i = 0; i < ELEMENTSOF(known_settings); i++)
                if (strcmp(section, known_settings[i].section) == 0 && strcmp(key, known_settings[i].key) == 0) {
                        int r = set_setting(userdata, known_settings[i].id, value);
                        if (r < 0 && r != -ENOMEM)
                                log_warning("%s:%u: %s= cannot be \"%s\": ignored.", file, line, key,
                                            log_escape(value, strlen(value), escaped));
                        return r == -ENOMEM ? r : 0;
                }
        if (!*section)
                log_warning("%s:%u: %s= comes before any [Section]: ignored.", file, line, key);
        else if (strcmp(section, "Server") != 0 && strcmp(section, "HTTP") != 0)
                log_warning("%s:%u: unknown section [%s]: ignored.", file, line, section);
        else
                log_warning("%s:%u: unknown setting \"%s\": ignored.", file, line, key);
        return 0;
}

static int read_files(ServerSettings *s, const char *path) {
        _cleanup_free_ char *where = NULL;

        int r = settings_files_read(path, on_setting, s, &where);
        if (r < 0)
                log_error("Could not read settings: %s: %s", where ? where : path, settings_strerror(r));
        return r;
}

/* --- Command line --- */

typedef struct CommandLine {
        ServerSettings settings;
} CommandLine;

static void command_line_done(CommandLine *c) {
        server_settings_done(&c->settings);
}

static void print_help(void) {
        printf("atteztd [OPTIONS…]\n\n"
               "Attestation CA: certifies Attestation Keys of the TPMs in its inventory.\n\n"
               "  --state-dir DIR          Inventory, CA and public files (%s)\n"
               "  --listen ADDRESS:PORT    Start the network front, listening there; may be repeated\n"
               "  --tls-cert FILE          Certificate chain for HTTPS\n"
               "  --tls-key FILE           Its key\n"
               "  --allow-plaintext        Plain HTTP on other addresses than loopback\n"
               "  --ek-roots DIR           Roots of EK certificates; may be repeated\n"
               "  --ak-lifetime TIME       How long AK certificates last (24h)\n"
               "  --secret-lifetime TIME   How long a challenge may take (120s)\n"
               "  --exit-idle-time TIME    End when there was nothing to do for so long; 0: never\n"
               "                           (1min with systemd's socket, which will start it again; else never)\n"
               "  --no-bus                 Run without D-Bus\n"
               "  --check                  Only look whether inventory and CA can be opened (exit status 65: the\n"
               "                           inventory is damaged)\n"
               "  --check-settings         Only say what is wrong with the settings\n"
               "  --config FILE            Settings (%s)\n"
               "  --verbose                Log more\n"
               "  --help, --version\n", ATTEZT_SERVER_STATE_DIR, SETTINGS_FILE);
}

static int parse_option(CommandLine *c, int option, const char *value) {
        ServerSettings *s = &c->settings;

        switch (option) {
        case 'd':
                return set_text(&s->state_dir, value);
        case 'c':
                return set_text(&s->config, value);
        case 'p':
                s->allow_plaintext = true;
                return 0;
        case 'i':
                return settings_parse_duration(value, INT32_MAX, &s->idle_sec);
        case 'b':
                s->no_bus = true;
                return 0;
        case 'C':
                s->check = true;
                return 0;
        case 'S':
                s->check_settings = true;
                return 0;
        case 'V':
                s->verbose = true;
                return 0;
        case 'h':
                print_help();
                return 1;
        case 'v':
                puts("atteztd " ATTEZT_VERSION);
                return 1;
        default:
                return set_setting(s, (SettingId) (option - 1000), value);
        }
}

static int parse_command_line(CommandLine *c, int argc, char **argv) {
        static const struct option options[] = {
                { "state-dir", required_argument, NULL, 'd' },
                { "listen", required_argument, NULL, 1000 + LISTEN },
                { "tls-cert", required_argument, NULL, 1000 + TLS_CERT },
                { "tls-key", required_argument, NULL, 1000 + TLS_KEY },
                { "allow-plaintext", no_argument, NULL, 'p' },
                { "ek-roots", required_argument, NULL, 1000 + EK_ROOTS },
                { "ak-lifetime", required_argument, NULL, 1000 + AK_LIFETIME },
                { "secret-lifetime", required_argument, NULL, 1000 + SECRET_LIFETIME },
                { "exit-idle-time", required_argument, NULL, 'i' },
                { "no-bus", no_argument, NULL, 'b' },
                { "check", no_argument, NULL, 'C' },
                { "check-settings", no_argument, NULL, 'S' },
                { "config", required_argument, NULL, 'c' },
                { "verbose", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' },
                {},
        };
        int index = 0;

        for (int o; (o = getopt_long(argc, argv, "h", options, &index)) >= 0;) {
                if (o == '?')
                        return -EINVAL;
                int r = parse_option(c, o, optarg);
                if (r == -EINVAL || r == -ERANGE || r == -E2BIG) {
                        char escaped[LOG_ESCAPED_MAX];
                        log_error("--%s cannot be \"%s\".", options[index].name,
                                  log_escape(optarg, strlen(optarg), escaped));
                        return -EINVAL;
                }
                if (r != 0)
                        return r;
        }
        if (optind < argc) {
                log_error("There are no arguments, only options; see --help.");
                return -EINVAL;
        }
        return 0;
}

/* The command line's word goes before the files'. */
static void take_text(char **to, char **from) {
        if (*from) {
                free(*to);
                *to = TAKE_PTR(*from);
        }
}

static void take_list(char **to, char **from, size_t n) {
        if (!from[0])
                return;
        for (size_t i = 0; i < n; i++) {
                free(to[i]);
                to[i] = TAKE_PTR(from[i]);
        }
}

static void take_command_line(ServerSettings *s, ServerSettings *from) {
        take_text(&s->state_dir, &from->state_dir);
        take_text(&s->config, &from->config);
        take_text(&s->tls_cert, &from->tls_cert);
        take_text(&s->tls_key, &from->tls_key);
        take_list(s->listen, from->listen, SERVER_LISTEN_MAX);
        take_list(s->ek_roots, from->ek_roots, SERVER_EK_ROOTS_MAX);
        s->allow_plaintext |= from->allow_plaintext;
        s->no_bus |= from->no_bus;
        s->check |= from->check;
        s->check_settings |= from->check_settings;
        s->verbose |= from->verbose;
        s->idle_sec = from->idle_sec;
        if (from->ak_lifetime > 0)
                s->ak_lifetime = from->ak_lifetime;
        if (from->secret_lifetime > 0)
                s->secret_lifetime = from->secret_lifetime;
}

int server_settings_load(ServerSettings *s, int argc, char **argv) {
        _cleanup_(command_line_done) CommandLine c = { .settings = SERVER_SETTINGS_NULL };

        int r = parse_command_line(&c, argc, argv);
        if (r != 0)
                return r;
        r = read_files(s, c.settings.config ? c.settings.config : SETTINGS_FILE);
        if (r < 0)
                return r;
        take_command_line(s, &c.settings);
        if (!s->tls_cert != !s->tls_key) {
                log_error("A certificate wants a key and a key a certificate: --tls-cert and --tls-key.");
                return -EINVAL;
        }
        if (s->ak_lifetime == 0)
                s->ak_lifetime = AK_LIFETIME_DEFAULT;
        if (s->crl_lifetime == 0)
                s->crl_lifetime = SERVER_CRL_LIFETIME_DEFAULT;
        if (s->pending.max == 0)
                s->pending.max = WAITING_MAX_DEFAULT;
        if (s->pending.lifetime == 0)
                s->pending.lifetime = WAITING_LIFETIME_DEFAULT;
        if (s->keep_issued == 0)
                s->keep_issued = SERVER_KEEP_ISSUED_DEFAULT;
        if (s->backup_mib == 0)
                s->backup_mib = SERVER_BACKUP_MIB_DEFAULT;
        if (s->device_lifetime == 0)
                s->device_lifetime = SERVER_DEVICE_LIFETIME_DEFAULT;
        if (s->secret_lifetime == 0)
                s->secret_lifetime = (int64_t) (PENDING_SECRETS_LIFETIME_DEFAULT / 1000000);
        return s->state_dir ? 0 : set_text(&s->state_dir, ATTEZT_SERVER_STATE_DIR);
}
