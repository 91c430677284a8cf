/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/nm-update.h"
#include "cli/setup.h"
#include "protocol/certificate-view.h"
#include "shared/files.h"

#define NM "org.freedesktop.NetworkManager"
#define NM_SETTINGS_PATH "/org/freedesktop/NetworkManager/Settings"
#define NM_SETTINGS NM ".Settings"
#define NM_CONNECTION NM_SETTINGS ".Connection"
#define SAVED_DEPTH 3U
#define NAME_LENGTH_MAX 253U
#define PATH_LENGTH_MAX 1024U

typedef struct Profile {
        char *path;
        sd_bus_message *settings;
        NmConnection connection;
} Profile;

static void profile_done(Profile *p) {
        free(p->path);
        (void) sd_bus_message_unref(p->settings);
        nm_connection_done(&p->connection);
}

/* --- Calls --- */

static bool is_denial(const sd_bus_error *error) {
        return sd_bus_error_has_name(error, NM_SETTINGS ".PermissionDenied") ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

static int tell_error(const sd_bus_error *error, int r) {
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                log_error("NetworkManager does not run. Start it: systemctl start NetworkManager.");
                return EXIT_TEMPORARY;
        }
        if (is_denial(error)) {
                log_error("NetworkManager does not allow that. Run it as root, or as a user whom polkit's rules allow "
                          "it.");
                return EXIT_DENIED;
        }
        log_error("NetworkManager: %s", error->message ? error->message : strerror(-r));
        return EXIT_FAILURE;
}

/* m is sent as it is. */
static int send(Cli *c, sd_bus_message *m, sd_bus_message **ret) {
        sd_bus_error error = SD_BUS_ERROR_NULL;

        if (!c->no_ask_password)
                cli_password_agent_open(c);
        int r = sd_bus_message_set_allow_interactive_authorization(m, !c->no_ask_password);
        if (r >= 0)
                r = sd_bus_call(c->bus, m, c->no_ask_password ? CLI_CALL_USEC : CLI_INTERACTIVE_CALL_USEC, &error, ret);
        int status = r < 0 ? tell_error(&error, r) : EXIT_SUCCESS;
        sd_bus_error_free(&error);
        return status;
}

static int call(Cli *c, const char *path, const char *interface, const char *method, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        sd_bus *bus;

        int status = cli_bus(c, &bus);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_new_method_call(bus, &m, NM, path, interface, method);
        return r < 0 ? cli_failed(r, "make a message") : send(c, m, ret);
}

/* --- The profile --- */

static bool is_wanted(const NmConnection *c, const char *name) {
        return strcmp(c->id, name) == 0 || strcmp(c->uuid, name) == 0;
}

/* One of the profiles; a second one of that name is told. */
static int look_at(Cli *c, const char *path, const char *name, Profile *found) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_nm_connection_ NmConnection n = {};

        int status = call(c, path, NM_CONNECTION, "GetSettings", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        int r = nm_connection_read(reply, &n);
        if (r < 0)
                return cli_failed(r, "read a connection of NetworkManager's");
        if (!is_wanted(&n, name))
                return EXIT_SUCCESS;
        if (found->path) {
                log_error("There are several connections of that name: give the UUID (nmcli connection show).");
                return EXIT_USAGE;
        }
        found->path = strdup(path);
        if (!found->path)
                return cli_failed(-ENOMEM, "copy a path");
        found->settings = TAKE_PTR(reply);
        found->connection = TAKE_GENERIC(n, (NmConnection) {});
        return EXIT_SUCCESS;
}

static int find_profile(Cli *c, const char *name, Profile *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;
        int r;

        int status = call(c, NM_SETTINGS_PATH, NM_SETTINGS, "ListConnections", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_enter_container(reply, 'a', "o");
        while (r >= 0 && (r = sd_bus_message_read_basic(reply, 'o', &path)) > 0) {
                status = look_at(c, path, name, ret);
                if (status != EXIT_SUCCESS)
                        return status;
        }
        if (r < 0)
                return cli_failed(r, "read NetworkManager's list of connections");
        if (ret->path)
                return EXIT_SUCCESS;
        log_error("NetworkManager has no connection of that name (nmcli connection show lists them).");
        return EXIT_NOT_FOUND;
}

/* What would be set and never used is refused. */
static int check_kind(const NmConnection *n) {
        char escaped[LOG_ESCAPED_MAX];
        const char *how = n->key_mgmt ?: "none";

        if (!n->wireless || strcmp(how, "wpa-eap") == 0 || strcmp(how, "wpa-eap-suite-b-192") == 0 ||
            strcmp(how, "ieee8021x") == 0)
                return EXIT_SUCCESS;
        log_error("This Wi-Fi connection does not log in by 802.1X (its key-mgmt is %s), so it would never use the "
                  "certificate. Make one for that network with key-mgmt wpa-eap (WPA Enterprise), and name it here.",
                  log_escape(how, strlen(how), escaped));
        return EXIT_FAILURE;
}

/* Else whoever sets up an access point of that name gets what this device has to say. */
static int check_server(const NmConnection *n, const NmLogin *l) {
        if (!n->has_server_ca && !l->ca_file)
                log_error("This connection names no CA for the network's server: this device would log in to anybody. "
                          "Give it with --ca FILE (and keep the file where it is).");
        else if (!n->has_server_name && !l->server_name)
                log_error("This connection does not say what the network's server is called: everybody with a "
                          "certificate of that CA could be it. Give its name, or its domain, with --server-name NAME.");
        else
                return EXIT_SUCCESS;
        return EXIT_FAILURE;
}

/* *ret stays NULL when NetworkManager has none to give. Who may not see them may not keep them either. */
static int get_secret(Cli *c, const char *path, const char *setting, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int status = EXIT_SUCCESS;

        int r = sd_bus_message_new_method_call(c->bus, &m, NM, path, NM_CONNECTION, "GetSecrets");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", setting);
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(m, !c->no_ask_password);
        if (r < 0)
                return cli_failed(r, "make a message");
        r = sd_bus_call(c->bus, m, c->no_ask_password ? CLI_CALL_USEC : CLI_INTERACTIVE_CALL_USEC, &error, ret);
        if (r < 0 && is_denial(&error))
                status = tell_error(&error, r);
        sd_bus_error_free(&error);
        return status;
}

static int get_secrets(Cli *c, const char *path, sd_bus_message *ret[static NM_SECRETS]) {
        static const char *const settings[NM_SECRETS] = { "802-1x", "802-11-wireless-security", "macsec", "pppoe" };
        int status = EXIT_SUCCESS;

        for (size_t i = 0; i < NM_SECRETS && status == EXIT_SUCCESS; i++)
                status = get_secret(c, path, settings[i], &ret[i]);
        return status;
}

static int send_update(Cli *c, const Profile *p, struct json_object *values, const char *saved) {
        NmUpdate u = { .connection = &p->connection, .settings = p->settings, .values = values, .saved = saved };
        _cleanup_message_ sd_bus_message *m = NULL;

        int status = get_secrets(c, p->path, u.secrets);
        if (status == EXIT_SUCCESS) {
                int r = sd_bus_message_new_method_call(c->bus, &m, NM, p->path, NM_CONNECTION, "Update");
                if (r >= 0)
                        r = nm_update_append(&u, m);
                status = r < 0 ? cli_failed(r, "make a message") : send(c, m, NULL);
        }
        for (size_t i = 0; i < NM_SECRETS; i++)
                (void) sd_bus_message_unref(u.secrets[i]);
        return status;
}

static int update(Cli *c, const Profile *p, struct json_object *values, const char *saved, bool dry_run) {
        if (dry_run) {
                fprintf(stderr, "802-1x of %s would be:\n", p->connection.id);
                return cli_print_json(values);
        }
        int status = send_update(c, p, values, saved);
        if (status == EXIT_SUCCESS && !c->json)
                fprintf(stderr, "%s: changed. It counts when the connection is next activated: nmcli connection up "
                        "%s\n",
                        p->connection.id, p->connection.uuid);
        return status == EXIT_SUCCESS && c->json ? cli_print_json(values) : status;
}

/* --- To and fro --- */

static int find_identity(char **ret) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        int r = file_read(ATTEZT_AGENT_STATE_DIR "/device.crt", CERTIFICATE_VIEW_PEM_MAX, &pem);
        if (r >= 0)
                r = certificate_chain_view_from_pem(bytes_view(&pem), &chain);
        if (r < 0) {
                log_error_errno(r, "The name in this device's certificate is not known (%m): enrol it first, with "
                                "\"attezt enroll\", or give --identity.");
                return r == -ENOENT ? EXIT_NOT_ENROLLED : EXIT_FAILURE;
        }
        *ret = TAKE_PTR(chain.certificates[0].subject);
        return EXIT_SUCCESS;
}

/* What was there before the first time stays saved. */
static int add(Cli *c, Profile *p, NmLogin *l, bool dry_run) {
        _cleanup_json_ struct json_object *values = NULL;
        _cleanup_free_ char *found = NULL;
        _cleanup_bytes_ Bytes before = BYTES_NULL;

        int status = check_kind(&p->connection);
        if (status == EXIT_SUCCESS)
                status = check_server(&p->connection, l);
        if (status == EXIT_SUCCESS && !l->identity) {
                status = find_identity(&found);
                l->identity = found;
        }
        if (status != EXIT_SUCCESS)
                return status;
        int r = nm_values_new(l, p->connection.values, &values);
        if (r >= 0 && !p->connection.saved)
                r = json_serialize(p->connection.values, &before);
        if (r >= 0 && before.size > NM_SAVED_MAX)
                r = -E2BIG;
        if (r < 0)
                return cli_failed(r, "prepare the settings");
        return update(c, p, values, p->connection.saved ? p->connection.saved : (const char *) before.data, dry_run);
}

static int take_back(Cli *c, Profile *p, bool dry_run) {
        _cleanup_json_ struct json_object *values = NULL;

        if (!p->connection.saved) {
                fprintf(stderr, "%s: nothing to change.\n", p->connection.id);
                return EXIT_SUCCESS;
        }
        int r = json_parse_strict(VIEW_STR(p->connection.saved), SAVED_DEPTH, &values);
        if (r < 0)
                return cli_failed(r, "read what the connection was before");
        bool none = json_object_object_length(values) == 0;
        return update(c, p, none ? NULL : values, NULL, dry_run);
}

/* The daemon reads it: a path that says the same everywhere. */
static void check_options(const Cli *c, const NmLogin *l) {
        if (l->ca_file && (*l->ca_file != '/' || strlen(l->ca_file) > PATH_LENGTH_MAX))
                cli_usage(c, "--ca wants an absolute path.");
        if (l->ca_file && access(l->ca_file, R_OK) < 0)
                cli_usage(c, "%s cannot be read.", l->ca_file);
        if ((l->identity && (!*l->identity || strlen(l->identity) > NAME_LENGTH_MAX)) ||
            (l->server_name && (!*l->server_name || strlen(l->server_name) > NAME_LENGTH_MAX)))
                cli_usage(c, "A name has 1 to %u characters.", NAME_LENGTH_MAX);
}

int verb_setup_networkmanager(Cli *c, int argc, char **argv) {
        _cleanup_(profile_done) Profile p = {};
        bool removal = false, dry_run = false;
        NmLogin l = {};
        const CliOption options[] = {
                { "ca", CLI_TEXT, &l.ca_file, "FILE", "CA of the network's server, in place of the connection's" },
                { "server-name", CLI_TEXT, &l.server_name, "NAME", "Name or domain of that server, the same" },
                { "identity", CLI_TEXT, &l.identity, "NAME", "Outer identity, else the name in the certificate" },
                { "remove", CLI_FLAG, &removal, NULL, "Take it back" },
                { "dry-run", CLI_FLAG, &dry_run, NULL, "Only show what would be set" },
                {},
        };

        cli_parse(c, argc, argv, options, 1, 1);
        check_options(c, &l);
        int status = find_profile(c, c->operands[0], &p);
        if (status != EXIT_SUCCESS)
                return status;
        return removal ? take_back(c, &p, dry_run) : add(c, &p, &l, dry_run);
}
