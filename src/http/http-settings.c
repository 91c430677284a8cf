/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "http/http-settings.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/names.h"
#include "shared/settings-files.h"
#include "shared/trust-store.h"

#define SETTINGS_FILE ATTEZT_SETTINGS_DIR "/atteztd.conf"
#define SECTION "HTTP"
#define PUBLIC_DIR ATTEZT_SERVER_STATE_DIR "/public"
#define FD_MAX 1024
#define WEBHOOK_CREDENTIAL "attezt-http.webhook-secret"

static void list_done(char **list) {
        for (; *list; list++) {
                free(*list);
                *list = NULL;
        }
}

void http_settings_done(HttpSettings *s) {
        list_done(s->listen);
        list_done(s->ek_roots);
        free(s->tls_cert);
        free(s->tls_key);
        free(s->public_dir);
        free(s->webhook_secret);
        free(s->webhook_client_roots);
        free(s->webhook_client_name);
        free(s->backend);
        *s = HTTP_SETTINGS_NULL;
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

        while (list[n])
                n++;
        return n < max ? set_text(list + n, value) : -E2BIG;
}

/* --- Files --- */

/* Only what the command line left open. */
typedef struct FileSettings {
        HttpSettings *settings;
        bool listen, ek_roots, tls, webhook_secret, webhook_client;
} FileSettings;

static int set_from_file(FileSettings *f, const char *key, const char *value) {
        HttpSettings *s = f->settings;
        bool allow;
        int r;

        r = ek_policy_set(&s->policy, key, value);
        if (r == -ENOENT)
                r = http_limits_set(&s->limits, key, value);
        if (r != -ENOENT)
                return r;
        if (strcmp(key, "Listen") == 0)
                return f->listen ? add_text(s->listen, HTTP_LISTEN_MAX, value) : 0;
        if (strcmp(key, "EKRoots") == 0)
                return f->ek_roots ? add_text(s->ek_roots, HTTP_EK_ROOTS_MAX, value) : 0;
        if (strcmp(key, "TLSCertificate") == 0)
                return f->tls ? set_text(&s->tls_cert, value) : 0;
        if (strcmp(key, "TLSKey") == 0)
                return f->tls ? set_text(&s->tls_key, value) : 0;
        if (strcmp(key, "WebhookSecret") == 0)
                return f->webhook_secret ? set_text(&s->webhook_secret, value) : 0;
        if (strcmp(key, "WebhookClientRoots") == 0)
                return f->webhook_client ? set_text(&s->webhook_client_roots, value) : 0;
        if (strcmp(key, "WebhookClientName") == 0)
                return f->webhook_client ? set_text(&s->webhook_client_name, value) : 0;
        if (strcmp(key, "AllowPlaintext") != 0)
                return -ENOENT;
        r = settings_parse_bool(value, &allow);
        if (r < 0)
                return r;
        s->allow_plaintext |= allow;
        return 0;
}

/* The other sections are atteztd's, which tells what is wrong with them. */
static int on_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                      void *userdata) {
        char escaped[LOG_ESCAPED_MAX];
        int r;

        if (strcmp(section, SECTION) != 0)
                return 0;
        r = set_from_file(userdata, key, value);
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                log_warning("%s:%u: unknown setting \"%s\": ignored.", file, line,
                            log_escape(key, strlen(key), escaped));
        else if (r < 0)
                log_warning("%s:%u: %s= cannot be \"%s\": ignored.", file, line, key,
                            log_escape(value, strlen(value), escaped));
        return 0;
}

static int read_files(HttpSettings *s, const char *path) {
        _cleanup_free_ char *where = NULL;
        FileSettings f = {
                .settings = s,
                .listen = !s->listen[0],
                .ek_roots = !s->ek_roots[0],
                .tls = !s->tls_cert && !s->tls_key,
                .webhook_secret = !s->webhook_secret,
                .webhook_client = !s->webhook_client_roots && !s->webhook_client_name,
        };
        int r;

        r = settings_files_read(path, on_setting, &f, &where);
        if (r < 0)
                log_error("Could not read settings: %s: %s", where ? where : path, settings_strerror(r));
        return r;
}

/* --- Command line --- */

static void print_help(void) {
        printf("attezt-http [OPTIONS…]\n\n"
               "Network front of atteztd.\n\n"
               "  --listen ADDRESS:PORT  Listen there, besides sockets of systemd's; may be repeated\n"
               "  --tls-cert FILE        Certificate chain for HTTPS (PEM)\n"
               "  --tls-key FILE         Its key\n"
               "  --allow-plaintext      Plain HTTP on other addresses than loopback\n"
               "  --ek-roots DIR         Roots of EK certificates; may be repeated\n"
               "                         (" TRUST_STORE_LOCAL ", " TRUST_STORE_VENDORS ")\n"
               "  --public-dir DIR       Where root.pem is (" PUBLIC_DIR ")\n"
               "  --webhook-secret FILE  Secrets of step-ca's webhook\n"
               "                         (credential " WEBHOOK_CREDENTIAL " of systemd's, if there is one)\n"
               "  --webhook-client-roots FILE\n"
               "                         Roots of client certificates for the webhook (PEM)\n"
               "  --webhook-client-name NAME\n"
               "                         DNS name in such a certificate: that of the ACME server\n"
               "  --backend PATH         Socket of atteztd (" ATTEZT_FRONT_SOCKET ")\n"
               "  --backend-fd N         Inherited connection to atteztd\n"
               "  --exit-idle-time TIME  End when nobody was there for so long; 0: never (1min with sockets\n"
               "                         of systemd's alone, which will start the program again; else never)\n"
               "  --check-settings       Only say what is wrong with the settings\n"
               "  --config FILE          Settings (" SETTINGS_FILE ")\n"
               "  --verbose              Log more\n"
               "  --help, --version\n");
}

static int parse_fd(const char *value, int *ret) {
        char *end;
        long n;

        errno = 0;
        n = strtol(value, &end, 10);
        if (errno != 0 || end == value || *end || n < 3 || n > FD_MAX)
                return -EINVAL;
        *ret = (int) n;
        return 0;
}

static int parse_option(HttpSettings *s, int option, const char *value) {
        switch (option) {

        case 'l':
                return add_text(s->listen, HTTP_LISTEN_MAX, value);
        case 'r':
                return add_text(s->ek_roots, HTTP_EK_ROOTS_MAX, value);
        case 'c':
                return set_text(&s->tls_cert, value);
        case 'k':
                return set_text(&s->tls_key, value);
        case 'd':
                return set_text(&s->public_dir, value);
        case 'w':
                return set_text(&s->webhook_secret, value);
        case 'W':
                return set_text(&s->webhook_client_roots, value);
        case 'N':
                return set_text(&s->webhook_client_name, value);
        case 'b':
                return set_text(&s->backend, value);
        case 'f':
                return parse_fd(value, &s->backend_fd);
        case 'i':
                return settings_parse_duration(value, INT32_MAX, &s->idle_sec);
        case 'p':
                s->allow_plaintext = true;
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
        default:
                puts("attezt-http " ATTEZT_VERSION);
                return 1;
        }
}

static const struct option options[] = {
        { "listen", required_argument, NULL, 'l' },
        { "ek-roots", required_argument, NULL, 'r' },
        { "tls-cert", required_argument, NULL, 'c' },
        { "tls-key", required_argument, NULL, 'k' },
        { "public-dir", required_argument, NULL, 'd' },
        { "webhook-secret", required_argument, NULL, 'w' },
        { "webhook-client-roots", required_argument, NULL, 'W' },
        { "webhook-client-name", required_argument, NULL, 'N' },
        { "backend", required_argument, NULL, 'b' },
        { "backend-fd", required_argument, NULL, 'f' },
        { "exit-idle-time", required_argument, NULL, 'i' },
        { "allow-plaintext", no_argument, NULL, 'p' },
        { "check-settings", no_argument, NULL, 'S' },
        { "config", required_argument, NULL, 'C' },
        { "verbose", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        {},
};

static int parse_command_line(HttpSettings *s, int argc, char **argv, const char **ret_config) {
        int index = 0, o, r;

        /* "": no short options; what is wrong is told by getopt_long() in one line. */
        while ((o = getopt_long(argc, argv, "", options, &index)) >= 0) {
                if (o == '?')
                        return -EINVAL;
                if (o == 'C') {
                        *ret_config = optarg;
                        continue;
                }
                r = parse_option(s, o, optarg);
                if (r == -EINVAL || r == -ERANGE || r == -E2BIG) {
                        log_error("--%s cannot be \"%s\".", options[index].name, optarg);
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

static int fill_in_roots(HttpSettings *s) {
        _cleanup_free_ char *managed = NULL;
        size_t max = HTTP_EK_ROOTS_MAX + HTTP_EK_ROOTS_OURS;
        int r = 0;

        if (!s->ek_roots[0]) {
                r = add_text(s->ek_roots, max, TRUST_STORE_LOCAL);
                if (r >= 0)
                        r = add_text(s->ek_roots, max, TRUST_STORE_VENDORS);
        }
        if (r >= 0)
                r = path_join(s->public_dir, TRUST_STORE_MANAGED, &managed);
        if (r >= 0)
                r = add_text(s->ek_roots, max, managed);
        return r >= 0 && s->policy.virtual_tpms ? add_text(s->ek_roots, max, TRUST_STORE_VIRTUAL) : r;
}

/* What systemd hands over (LoadCredential=, SetCredential=), unless somebody named a file. */
static int find_webhook_secret(HttpSettings *s) {
        _cleanup_free_ char *path = NULL;
        const char *dir = getenv("CREDENTIALS_DIRECTORY");

        if (s->webhook_secret || !dir)
                return 0;
        int r = path_join(dir, WEBHOOK_CREDENTIAL, &path);
        if (r >= 0 && access(path, F_OK) >= 0)
                s->webhook_secret = TAKE_PTR(path);
        return r;
}

static int fill_in(HttpSettings *s) {
        int r = 0;

        if (!s->tls_cert != !s->tls_key) {
                log_error("A certificate wants a key and a key a certificate: --tls-cert and --tls-key.");
                return -EINVAL;
        }
        if (!s->webhook_client_roots != !s->webhook_client_name) {
                log_error("Roots of the webhook's clients want a name, and a name roots: --webhook-client-roots and "
                          "--webhook-client-name.");
                return -EINVAL;
        }
        r = find_webhook_secret(s);
        if (r < 0)
                return r;
        if (!s->public_dir)
                r = set_text(&s->public_dir, PUBLIC_DIR);
        if (r >= 0)
                r = fill_in_roots(s);
        if (r >= 0 && !s->backend)
                r = set_text(&s->backend, ATTEZT_FRONT_SOCKET);
        return r;
}

int http_settings_load(HttpSettings *s, int argc, char **argv) {
        const char *config = SETTINGS_FILE;
        int r;

        s->backend_fd = -1;
        ek_policy_default(&s->policy);
        http_limits_default(&s->limits);
        r = parse_command_line(s, argc, argv, &config);
        if (r != 0)
                return r;
        r = read_files(s, config);
        if (r < 0)
                return r;
        return fill_in(s);
}
