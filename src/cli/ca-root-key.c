/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "cli/ca.h"
#include "cli/cli-passphrase.h"
#include "cli/root-key-copies.h"
#include "shared/backup-file.h"
#include "shared/files.h"
#include "shared/sealed-key.h"

/* --- attezt ca export-root-key --- */

static int fetch(Cli *c, Bytes *ret_pem) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int fd;

        int status = ca_call_plain(c, "ExportRootKey", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_read(reply, "h", &fd);
        if (r >= 0)
                r = fd_read(fd, SEALED_KEY_FILE_MAX, ret_pem);
        return r < 0 ? cli_failed(r, "read the answer") : EXIT_SUCCESS;
}

static int seal(const Bytes *pem, const Passphrase *p, Bytes *ret) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t key = NULL;
        bool sealed;

        int r = sealed_key_read(bytes_view(pem), NULL, &key, &sealed);
        return r < 0 ? r : sealed_key_write(key, (const char *) p->text.data, SEALED_BY_PASSPHRASE, ret);
}

/* Never over another file. */
static int write_new(const char *path, ByteView content) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        int r = backup_write_bytes(fd, content);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(path);
        return r < 0 ? r : dir_fsync_parent(path);
}

int verb_ca_export_root_key(Cli *c, int argc, char **argv) {
        _cleanup_bytes_erase_ Bytes pem = BYTES_NULL;
        _cleanup_passphrase_ Passphrase p = {};
        _cleanup_bytes_ Bytes sealed = BYTES_NULL;
        const CliOption options[] = { PASSPHRASE_OPTIONS(p), {} };

        cli_parse(c, argc, argv, options, 1, 1);
        int status = passphrase_get(c, &p, "Passphrase for the root's key", true);
        if (status == EXIT_SUCCESS)
                status = fetch(c, &pem);
        if (status != EXIT_SUCCESS)
                return status;
        int r = seal(&pem, &p, &sealed);
        if (r >= 0)
                r = write_new(c->operands[0], bytes_view(&sealed));
        if (r < 0)
                return cli_failed(r, "write the root's key");
        if (c->json)
                return ca_print_file(c, c->operands[0], true);
        printf("The root's key is in %s, encrypted with the passphrase. Keep both away from this machine, then:\n"
               "    attezt ca remove-root-key %s\n", c->operands[0], c->operands[0]);
        return EXIT_SUCCESS;
}

/* --- The file again --- */

/* ret: PEM, plain. */
static int open_file(const char *path, const Passphrase *p, Bytes *ret) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t key = NULL;
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        bool sealed;

        int r = file_read(path, SEALED_KEY_FILE_MAX, &text);
        if (r >= 0)
                r = sealed_key_read(bytes_view(&text), (const char *) p->text.data, &key, &sealed);
        if (r == -EKEYREJECTED) {
                log_error("%s is encrypted with another passphrase.", path);
                return EXIT_FAILURE;
        }
        if (r == -EBADMSG) {
                log_error("%s is no key of ours.", path);
                return EXIT_FAILURE;
        }
        if (r >= 0)
                r = sealed_key_write(key, NULL, SEALED_BY_SECRET, ret);
        return r < 0 ? cli_failed(r, "read the root's key") : EXIT_SUCCESS;
}

static int get_root(Cli *c, gnutls_x509_crt_t *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t root = NULL;
        const char *pem;

        int status = ca_call_plain(c, "GetRootCertificate", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_read(reply, "ss", NULL, &pem);
        gnutls_datum_t d = { .data = (unsigned char *) (uintptr_t) pem, .size = r < 0 ? 0 : (unsigned) strlen(pem) };
        if (r < 0 || gnutls_x509_crt_init(&root) < 0 || gnutls_x509_crt_import(root, &d, GNUTLS_X509_FMT_PEM) < 0)
                return cli_failed(r < 0 ? r : -EBADMSG, "read the answer");
        *ret = TAKE_PTR(root);
        return EXIT_SUCCESS;
}

/* Removing it wants the proof that it can be had again. */
static int check_file(Cli *c, const Bytes *pem) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t key = NULL;
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t root = NULL;
        bool sealed;

        int status = get_root(c, &root);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sealed_key_read(bytes_view(pem), NULL, &key, &sealed);
        if (r < 0)
                return cli_failed(r, "read the root's key");
        if (sealed_key_fits(key, root))
                return EXIT_SUCCESS;
        log_error("%s holds another key than that of this CA's root.", c->operands[0]);
        return EXIT_FAILURE;
}

/* "Offline" is said of a key that is nowhere here. */
static void tell_copies(FILE *to) {
        _cleanup_free_ char *command = NULL;

        int r = root_key_copies(&command);
        if (r < 0)
                fprintf(to, "Whether a restore has left a copy here is for root to see: ls " ATTEZT_SERVER_STATE_DIR "/ca.*/root.key\n");
        else if (command[0])
                fprintf(to, "Copies of it are still here, in what was the CA before a restore. To remove them:\n    %s\n", command);
        fprintf(to, "Backups that were made before hold it as well: make another one (attezt ca backup FILE), and destroy those\n"
               "that are not kept as safe as the key itself.\n");
}

int verb_ca_remove_root_key(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_bytes_erase_ Bytes pem = BYTES_NULL;
        _cleanup_passphrase_ Passphrase p = {};
        const CliOption options[] = { PASSPHRASE_OPTIONS(p), {} };

        cli_parse(c, argc, argv, options, 1, 1);
        int status = passphrase_get(c, &p, "Passphrase of the root's key", false);
        if (status == EXIT_SUCCESS)
                status = open_file(c->operands[0], &p, &pem);
        if (status == EXIT_SUCCESS)
                status = check_file(c, &pem);
        if (status == EXIT_SUCCESS)
                status = ca_call_plain(c, "RemoveRootKey", &reply);
        if (status == EXIT_SUCCESS && c->json) {
                tell_copies(stderr);
                status = ca_print_file(c, c->operands[0], true);
        } else if (status == EXIT_SUCCESS) {
                printf("The root's key is removed. Another intermediate certificate wants the file:\n"
                       "    attezt ca rotate --root-key FILE\n");
                tell_copies(stdout);
        }
        return status;
}

/* --- attezt ca rotate --- */

static int append_key(sd_bus_message *m, const Bytes *pem) {
        _cleanup_close_ int fd = memfd_create("attezt-root-key", MFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        int r = backup_write_bytes(fd, bytes_view(pem));
        return r < 0 ? r : sd_bus_message_append(m, "a{sv}", 1, "root-key", "h", fd);
}

static int show(const Cli *c, sd_bus_message *reply) {
        char when[CLI_TIME_MAX];
        uint64_t not_after;

        int r = sd_bus_message_read(reply, "t", &not_after);
        if (r < 0)
                return cli_failed(r, "read the answer");
        if (c->json)
                return ca_print_not_after((int64_t) not_after);
        printf("AK certificates are signed with a new intermediate certificate, which ends at %s.\n"
               "Those that were signed before stay good.\n", cli_format_time((int64_t) not_after, when));
        return EXIT_SUCCESS;
}

int verb_ca_rotate(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bytes_erase_ Bytes pem = BYTES_NULL;
        _cleanup_passphrase_ Passphrase p = {};
        const char *file = NULL;
        const CliOption options[] = {
                { "root-key", CLI_TEXT, &file, "FILE", "The root's key, as exported; without it the one on disk" },
                PASSPHRASE_OPTIONS(p),
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        int status = EXIT_SUCCESS;
        if (file)
                status = passphrase_get(c, &p, "Passphrase of the root's key", false);
        if (status == EXIT_SUCCESS && file)
                status = open_file(file, &p, &pem);
        if (status == EXIT_SUCCESS)
                status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Rotate", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = file ? append_key(m, &pem) : ca_append_no_options(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        return status == EXIT_SUCCESS ? show(c, reply) : status;
}
