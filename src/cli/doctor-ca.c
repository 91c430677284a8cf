/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/doctor-exec.h"
#include "cli/doctor.h"
#include "cli/root-key-copies.h"
#include "protocol/certificate-view.h"
#include "protocol/health.h"
#include "shared/files.h"

#define INVENTORY_FILE ATTEZT_SERVER_STATE_DIR "/inventory.tdb"
#define CHECK_DAMAGED 65 /* what "atteztd --check" then ends with */
#define CHECK_TEXT_MAX 400U
#define TRYING_LOOKS 30U /* for the moment between one and the next, in which systemd knows how it ended */
#define TRYING_PAUSE_USEC 100000U
#define ROOT_FILE ATTEZT_SERVER_STATE_DIR "/public/root.pem"
#define CA_DIR ATTEZT_SERVER_STATE_DIR "/ca"
#define INTERMEDIATE_FILE CA_DIR "/intermediate.pem"
#define BACKUP_NOTE ATTEZT_SERVER_STATE_DIR "/public/last-backup"
#define BACKUP_OLD (90LL * 86400)
#define CA_ENDING (60LL * 86400) /* a new one has to reach the ACME server's configuration, too */
#define NEW_CA "mv " CA_DIR " " CA_DIR ".old && rm " ROOT_FILE " && systemctl restart atteztd && attezt ca create"

#define RESTORE "attezt ca restore --force BACKUP"
#define CREDENTIAL_NAME "atteztd.wrapping-key"
#define CREDENTIAL "/etc/credstore.encrypted/" CREDENTIAL_NAME
#define CREDENTIAL_LOST 243 /* what a service ends with whose credential systemd cannot decrypt: EXIT_CREDENTIALS */
#define NEW_CREDENTIAL "head -c 32 /dev/urandom | base64 -w 0 | systemd-creds encrypt --name=" CREDENTIAL_NAME \
        " --tpm2-pcrs= - " CREDENTIAL

/* --- atteztd, and what it has open --- */

void look_server(const Host *h, Finding *f) {
        _cleanup_free_ char *text = NULL;

        int r = doctor_call(ATTEZT_SERVER_INTERFACE, "GetRootCertificate", NULL, &text);
        if (r == DOCTOR_CA_UNUSABLE)
                finding_failed(f, RESTORE, "%s Put its files or the credential back, and restart atteztd; or restore the CA "
                               "from a backup. WHEN THE CA CANNOT BE USED in atteztd(8) says more.", text ? text : "");
        else if (r < 0 && r != -ENODATA)
                doctor_tell_call(f, r, "atteztd", "atteztd", text);
        else
                finding_ok(f, "atteztd answers on the bus.");
}

typedef struct Counts {
        uint64_t devices, issued, bytes, bytes_max;
} Counts;

static int read_counts(sd_bus_message *reply, Counts *ret) {
        const char *key;
        uint64_t value;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "{st}");
        while (r >= 0 && (r = sd_bus_message_read(reply, "{st}", &key, &value)) > 0) {
                if (strcmp(key, "devices") == 0)
                        ret->devices = value;
                else if (strcmp(key, "issued") == 0)
                        ret->issued = value;
                else if (strcmp(key, "bytes") == 0)
                        ret->bytes = value;
                else if (strcmp(key, "bytes-max") == 0)
                        ret->bytes_max = value;
        }
        return r;
}

#define UNIT_PATH "/org/freedesktop/systemd1/unit/atteztd_2eservice"

static void tell_damaged(Finding *f, const char *text) {
        finding_failed(f, "mv " INVENTORY_FILE " " INVENTORY_FILE ".damaged; systemctl restart atteztd && "
                       RESTORE,
                       "The inventory is damaged%s%s%s: restore it from a backup.", *text ? " (" : "", text,
                       *text ? ")" : "");
}

static void tell_credential_lost(Finding *f) {
        finding_failed(f, "mv " CREDENTIAL " " CREDENTIAL ".lost && " NEW_CREDENTIAL "; systemctl restart atteztd && " RESTORE,
                       "systemd cannot decrypt the credential that opens the CA's keys, " CREDENTIAL ": the machine's TPM or "
                       "/var/lib/systemd/credential.secret is another one. Put that back; or restore the CA from a backup.");
}

/* malloc'd; NULL without systemd. *ret_status: of the one that ended last, 0 while one is on its way. */
static char *unit_state(int32_t *ret_status) {
        _cleanup_free_ char *active = NULL, *file = NULL;
        sd_bus *bus = NULL;

        if (doctor_systemd(&bus) < 0)
                return NULL;
        int r = doctor_unit_state(bus, UNIT_PATH, &active, &file);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD, UNIT_PATH, SYSTEMD ".Service", "ExecMainStatus", NULL, 'i',
                                                ret_status);
        sd_bus_close_unref(bus);
        return r < 0 ? NULL : TAKE_PTR(active);
}

/* systemd tries on: a second one, be it for a look, would be in its way. True: it is told how it ends. */
static bool tell_trying(Finding *f) {
        int32_t status = 0;

        for (unsigned i = 0; i < TRYING_LOOKS && status == 0; i++) {
                _cleanup_free_ char *state = unit_state(&status);
                if (!state || strcmp(state, "activating") != 0)
                        return false;
                (void) usleep(TRYING_PAUSE_USEC);
        }
        if (status == CHECK_DAMAGED)
                tell_damaged(f, "");
        else if (status == CREDENTIAL_LOST)
                tell_credential_lost(f);
        else if (status != 0)
                finding_failed(f, "journalctl -u atteztd -n 20", "systemd starts atteztd again and again, and it ends each "
                               "time. Its journal says why.");
        else
                finding_failed(f, "journalctl -u atteztd -n 20", "systemd starts atteztd, and it has not come up yet. "
                               "Its journal says why.");
        return true;
}

/* Whatever the bus made of it: it may be on and off while others want it. */
static bool runs(int call_error) {
        _cleanup_free_ char *state = NULL;
        int32_t status;

        if (call_error == DOCTOR_ABSENT || call_error == DOCTOR_SICK || call_error == DOCTOR_NO_BUS)
                return false;
        state = unit_state(&status);
        return !state || strcmp(state, "active") == 0;
}

/* It does not run: by its own account, why not? It alone opens its files, so that there is never a second one. */
static void ask_itself(Finding *f) {
        _cleanup_free_ char *program = doctor_daemon("atteztd");
        char option[] = "--check", output[DOCTOR_OUTPUT_MAX] = "", text[CHECK_TEXT_MAX];

        if (tell_trying(f))
                return;
        int status = program ? doctor_exec("atteztd", (char *[]) { program, option, NULL }, output) : -ENOMEM;
        const char *last = strrchr(output, '\n');
        (void) snprintf(text, sizeof(text), "%s", last ? last + 1 : output);
        if (status == -EPERM)
                finding_skipped(f, "sudo attezt doctor", "atteztd does not run; what it would say to root is not "
                                "known.");
        else if (status == CHECK_DAMAGED)
                tell_damaged(f, text);
        else if (status > 0)
                finding_failed(f, "journalctl -u atteztd -n 20", "atteztd cannot start: %s", text);
        else
                finding_skipped(f, NULL, "atteztd does not run; its inventory can be opened.%s",
                                strstr(output, "keys were not looked at") ?
                                        " The CA's keys are encrypted, and only the service can open them." : "");
}

static void tell_counts(Finding *f, const Counts *c) {
        if (health_nearly_full(c->bytes, c->bytes_max) && c->bytes_max >= HEALTH_FILE_MAX)
                finding_warning(f, "editor /etc/attezt/atteztd.conf && systemctl try-restart atteztd",
                                "The inventory's file has %" PRIu64 " MiB of %" PRIu64 ", beyond which no certificate is issued. "
                                "Keep certificates for a shorter time (KeepIssued=).", c->bytes >> 20, c->bytes_max >> 20);
        else if (health_nearly_full(c->bytes, c->bytes_max))
                finding_warning(f, "editor /etc/attezt/atteztd.conf && systemctl try-restart atteztd",
                                "The inventory's file has %" PRIu64 " MiB of %" PRIu64 ", beyond which there is no backup. "
                                "Keep certificates for a shorter time (KeepIssued=), or allow more (MaxBackupSize=, and MemoryMax= of atteztd.service).",
                                c->bytes >> 20, c->bytes_max >> 20);
        else
                finding_ok(f, "The inventory holds %" PRIu64 " devices; %" PRIu64 " certificates were issued.", c->devices,
                           c->issued);
}

/* The counts are in its memory; a listing reads the file. */
void look_database(const Host *h, Finding *f) {
        _cleanup_message_ sd_bus_message *counts = NULL;
        _cleanup_free_ char *text = NULL;
        Counts c = {};

        int r = doctor_call(ATTEZT_SERVER_INTERFACE, "List", NULL, &text);
        if (r >= 0)
                r = doctor_call(ATTEZT_SERVER_INTERFACE, "GetCounts", &counts, &text);
        if (r >= 0)
                r = read_counts(counts, &c);
        if (r < 0 && r != DOCTOR_DENIED && !runs(r))
                ask_itself(f);
        else if (r < 0)
                doctor_tell_call(f, r, "atteztd", "atteztd", text);
        else
                tell_counts(f, &c);
}

/* --- The CA's certificates --- */

static int read_certificate(const char *path, CertificateChainView *ret) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        int r = file_read(path, CERTIFICATE_VIEW_PEM_MAX, &pem);
        return r < 0 ? r : certificate_chain_view_from_pem(bytes_view(&pem), ret);
}

/* The root is what others trust: there is no other way than another CA. An intermediate is the CA's own business. */
static const char *mend(const char *path) {
        return strcmp(path, INTERMEDIATE_FILE) == 0 ? "attezt ca rotate" : NEW_CA;
}

static void judge_ca(const char *path, const char *what, Finding *f) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        char when[CLI_TIME_MAX];

        int r = read_certificate(path, &chain);
        if (r == -ENOENT && strcmp(path, ROOT_FILE) == 0)
                finding_failed(f, "attezt ca create", "There is no CA yet.");
        else if (r == -EACCES)
                finding_ok(f, "%s The intermediate certificate is for root to see.", f->text);
        else if (r < 0)
                finding_failed(f, NEW_CA, "The CA's %s, %s, cannot be read (%s): restore it from a backup, or make "
                               "another CA.", what, path, strerror(-r));
        if (r < 0)
                return;
        const CertificateView *v = chain.certificates;
        (void) cli_format_time(v->not_after, when);
        switch (health_dates(v->not_before, v->not_after, CA_ENDING, time(NULL))) {
        case DATES_GOOD:
                finding_ok(f, "The CA is good until %s.", when);
                break;
        case DATES_ENDING:
                finding_warning(f, mend(path), "The CA's %s ends at %s. %s", what, when,
                                strcmp(path, ROOT_FILE) == 0 ? "Plan for another CA, whose root the ACME server has to "
                                                               "trust as well (attezt ca root)."
                                                             : "Make another one, with the root's key.");
                break;
        case DATES_NOT_YET:
                finding_failed(f, "timedatectl set-ntp true", "The CA's %s is not valid yet: this machine's clock is "
                               "behind.",
                               what);
                break;
        case DATES_EXPIRED:
                finding_failed(f, mend(path), "The CA's %s expired at %s: no device gets a certificate. %s", what, when,
                               strcmp(path, ROOT_FILE) == 0 ? "Make another CA, and give its root (attezt ca root) to the "
                                                              "ACME server."
                                                            : "Make another one, with the root's key.");
                break;
        }
}

void look_ca_certificates(const Host *h, Finding *f) {
        judge_ca(ROOT_FILE, "root certificate", f);
        if (f->status == CHECK_OK)
                judge_ca(INTERMEDIATE_FILE, "intermediate certificate", f);
}

/* --- Its root's key --- */

void look_root_key(const Host *h, Finding *f) {
        _cleanup_free_ char *command = NULL;

        if (access(ROOT_FILE, F_OK) < 0) {
                finding_skipped(f, NULL, "There is no CA yet.");
                return;
        }
        bool here = access(ROOT_KEY_FILE, F_OK) >= 0;
        int r = here || errno != EACCES ? 0 : -EACCES;
        if (r >= 0 && !here)
                r = root_key_copies(&command);
        if (r == -EACCES)
                finding_skipped(f, "sudo attezt doctor", "Where the CA's root key is, is for root to see.");
        else if (r < 0)
                finding_skipped(f, NULL, "The CA's directories cannot be read: %s.", strerror(-r));
        else if (here)
                finding_ok(f, "The CA's root key is on this machine; \"attezt ca export-root-key\" takes it to another place.");
        else if (command[0])
                finding_warning(f, command, "The CA's root key was removed, but copies of it are still on this machine, in what "
                                "was the CA before a restore.");
        else
                finding_ok(f, "The CA's root key is not on this machine.");
}

/* --- Its backup --- */

void look_backup(const Host *h, Finding *f) {
        char when[CLI_TIME_MAX];
        struct stat st;

        if (access(ROOT_FILE, F_OK) < 0)
                finding_skipped(f, NULL, "There is no CA yet to back up.");
        else if (stat(BACKUP_NOTE, &st) < 0)
                finding_warning(f, "attezt ca backup FILE", "There is no backup of the CA: with this machine all would be "
                                "lost.");
        else if (time(NULL) - st.st_mtime > BACKUP_OLD)
                finding_warning(f, "attezt ca backup FILE", "The last backup of the CA was made at %s.",
                                cli_format_time(st.st_mtime, when));
        else
                finding_ok(f, "The last backup of the CA was made at %s.", cli_format_time(st.st_mtime, when));
}
