/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs about this device share. */
#include "cli/cli.h"
#include "protocol/certificate-view.h"
#include "protocol/device-words.h"

/* device-job.c. Jobs end with a signal after their method's reply: begin to listen, call, wait. */
typedef struct DeviceJob DeviceJob;

/* Both return an exit status, having told why. */
int device_job_listen(Cli *c, DeviceJob **ret);
/* Sends the call m, which starts a job, shows its steps while a person waits, and tells how it ended: done_text on
 * success, unless the agent has a better one. A call may also find that nothing is to be done. */
int device_job_run(DeviceJob *j, sd_bus_message *m, const char *done_text);
/* Before it: a job that ends with "waiting" is waited for until it is answered. */
void device_job_wait_for_approval(DeviceJob *j);
DeviceJob *device_job_free(DeviceJob *j);
static inline void device_job_freep(DeviceJob **j) {
        (void) device_job_free(*j);
}
#define _cleanup_device_job_ _cleanup_(device_job_freep)

/* device-data.c. An open a{sv}: "key", type "s" or "b" or "t", value. */
int device_append_text(sd_bus_message *m, const char *key, const char *value);
int device_append_flag(sd_bus_message *m, const char *key, bool value);
int device_append_number(sd_bus_message *m, const char *key, uint64_t value);

/* status: what GetStatus says. While the device waits for approval: what a person compares. False if it does not. */
bool device_words_of(struct json_object *status, char ret[static DEVICE_WORDS_TEXT_MAX]);

/* RenewalFailures and LastOutcome, or GetStatus's: the last attempt brought no certificate. */
bool device_fails_to_renew(int64_t failures, const char *outcome);

/* Prints the certificates of a chain as "attezt status" does. */
void device_print_chain(const CertificateChainView *chain);
int device_chain_to_json(const CertificateChainView *chain, struct json_object **ret);
