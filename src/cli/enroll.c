/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/mman.h>

#include "cli/device.h"
#include "protocol/helper-wire.h"
#include "shared/files.h"

#define EAB_KEY_TEXT_MAX 1024U /* characters of the file */

typedef struct EnrollArguments {
        const char *acme, *attestation, *name, *key, *ek, *ca_file, *eab_kid, *eab_key_file;
        int64_t lifetime;
} EnrollArguments;

static int append_ca_file(sd_bus_message *m, const char *path) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        int r;

        r = file_read(path, JOB_CA_PEM_MAX, &pem);
        if (r >= 0 && memchr(pem.data, 0, pem.size))
                r = -EINVAL;
        if (r < 0) {
                log_error_errno(r, "Could not read the certificates in %s: %m", path);
                exit(EXIT_FAILURE);
        }
        return device_append_text(m, "ca-pem", (const char *) pem.data);
}

/* In a memfd: the agent reads nothing that could keep it waiting, and no key goes through the bus. */
static int append_eab_key(sd_bus_message *m, const char *path) {
        _cleanup_bytes_erase_ Bytes key = BYTES_NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = file_read(path, EAB_KEY_TEXT_MAX, &key);
        if (r < 0) {
                log_error_errno(r, "Could not read the key in %s: %m", path);
                exit(EXIT_FAILURE);
        }
        fd = memfd_create("attezt-eab-key", MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (write(fd, key.data, key.size) != (ssize_t) key.size)
                return -EIO;
        return sd_bus_message_append(m, "{sv}", "eab-key", "h", fd);
}

static int append_texts(sd_bus_message *m, const EnrollArguments *a) {
        const struct {
                const char *key, *value;
        } texts[] = { { "name", a->name }, { "key", a->key }, { "ek", a->ek }, { "eab-kid", a->eab_kid } };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (texts[i].value) {
                        int r = device_append_text(m, texts[i].key, texts[i].value);
                        if (r < 0)
                                return r;
                }
        return 0;
}

/* Wrong usage is told here, without asking anybody. */
static void check_arguments(const Cli *c, const EnrollArguments *a) {
        JobKey key;
        JobEk ek;

        if (!a->eab_kid != !a->eab_key_file)
                cli_usage(c, "--eab-kid and --eab-key-file belong together.");
        if (a->key && job_key_from_string(a->key, &key) < 0)
                cli_usage(c, "--key must be p-256 or rsa-2048.");
        if (a->ek && job_ek_from_string(a->ek, &ek) < 0)
                cli_usage(c, "--ek must be rsa-2048, rsa-3072, rsa-4096, p-256 or p-384.");
}

static int append_arguments(sd_bus_message *m, const EnrollArguments *a) {
        int r;

        r = sd_bus_message_append(m, "ss", a->acme ?: "", a->attestation ?: "");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_texts(m, a);
        if (r >= 0 && a->lifetime > 0)
                r = device_append_number(m, "lifetime", (uint64_t) a->lifetime);
        if (r >= 0 && a->ca_file)
                r = append_ca_file(m, a->ca_file);
        if (r >= 0 && a->eab_key_file)
                r = append_eab_key(m, a->eab_key_file);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int verb_enroll(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_device_job_ DeviceJob *job = NULL;
        EnrollArguments a = {};
        bool wait = false;
        const CliOption options[] = {
                { "acme", CLI_TEXT, &a.acme, "URL", "The ACME server's directory (default: as recorded or configured)" },
                { "attestation", CLI_TEXT, &a.attestation, "URL", "The attestation server (the same)" },
                { "name", CLI_TEXT, &a.name, "NAME", "The name to order (default: what the inventory calls this device)" },
                { "key", CLI_TEXT, &a.key, "TYPE", "Kind of the device key: p-256 (default), rsa-2048" },
                { "ek", CLI_TEXT, &a.ek, "TYPE", "Endorsement key: rsa-2048 (default), rsa-3072, rsa-4096, p-256, p-384" },
                { "lifetime", CLI_SECONDS, &a.lifetime, "TIME", "How long the certificate shall be valid: 24h, 30d" },
                { "ca-file", CLI_TEXT, &a.ca_file, "FILE", "Further roots for TLS, PEM; kept with the enrollment" },
                { "eab-kid", CLI_TEXT, &a.eab_kid, "ID", "Key identifier for external account binding" },
                { "eab-key-file", CLI_TEXT, &a.eab_key_file, "FILE", "Its key, base64url" },
                { "wait", CLI_FLAG, &wait, NULL, "Wait until the device is approved, if it has to be" },
                {},
        };
        int r, status;

        cli_parse(c, argc, argv, options, 0, 0);
        check_arguments(c, &a);
        status = device_job_listen(c, &job);
        if (status != EXIT_SUCCESS)
                return status;
        status = cli_new_call(c, ATTEZT_AGENT_INTERFACE, "Enroll", &m);
        if (status != EXIT_SUCCESS)
                return status;
        r = append_arguments(m, &a);
        if (r < 0)
                return cli_failed(r, "make a message");
        if (wait)
                device_job_wait_for_approval(job);
        return device_job_run(job, m, "This device is enrolled.");
}
