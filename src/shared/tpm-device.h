/* SPDX-License-Identifier: MIT */
#pragma once

/* The connection to a TPM: blocking ESYS, for helper processes only. Answers of the TPM become errno, with a
 * text for people in tpm_device_error(). Nothing is ever made persistent or evicted. A bare TPM holds three
 * transient objects: whoever loads, flushes.
 *
 * Before each command alarm(2) is set, since a command that hangs cannot be cancelled: the program decides by
 * its SIGALRM handler what then happens. */
#include <unistd.h>

#include <tss2/tss2_esys.h>

#include "shared/bytes.h"

#define TPM_TCTI_RESOURCE_MANAGER "device:/dev/tpmrm" /* of the kernel: it makes room for everybody */
#define TPM_COMMAND_SECONDS 90U  /* slow chips take many seconds for an RSA key, some of them a minute */
#define TPM_TEXT_MAX 256U        /* characters of an error, with NUL */
#define TPM_NV_MAX (32U * 1024)  /* bytes read from one index */
#define TPM_NV_CHUNK_MAX 1024U   /* bytes read at once, if the TPM does not want less */
#define TPM_VENDOR_MAX 16U       /* bytes of the vendor string */

typedef struct TpmDevice TpmDevice;

/* The device of the kernel's resource manager: /dev/tpmrm0, or /dev/tpmrm1 when that alone is there, as after a driver
 * lost the TPM and found it again (the kernel keeps the first number while anything in it, such as IMA, still refers
 * to the chip). As a TCTI. */
const char *tpm_tcti_default(void);

/* tcti: as of tss2-tctildr(7), "swtpm:path=/run/tpm"; NULL: the default. -ENODEV: there is none, or it cannot
 * be reached; reterr_text then says why. */
int tpm_device_open(const char *tcti, TpmDevice **ret, char reterr_text[static TPM_TEXT_MAX]);
TpmDevice *tpm_device_free(TpmDevice *t);
DEFINE_TRIVIAL_CLEANUP_FUNC(TpmDevice *, tpm_device_free);

/* What went wrong last; "" if nothing did. */
const char *tpm_device_error(const TpmDevice *t);
/* The last failure was the protection against guessing; the lack of room for one more object. */
bool tpm_device_locked_out(const TpmDevice *t);
bool tpm_device_full(const TpmDevice *t);

/* How long a command waits for room: another program may be about to flush. Only one of two programs may wait while it
 * holds something itself, or they wait for each other: attezt-enroll does, attezt-tpm-signer does not. */
#define TPM_ROOM_MSEC_DEFAULT 5000U
void tpm_device_set_room_wait(TpmDevice *t, unsigned msec);

typedef struct TpmProperties {
        uint32_t manufacturer;              /* four characters */
        uint8_t vendor[TPM_VENDOR_MAX];     /* text, may hold NUL anywhere */
        uint32_t firmware[2];
} TpmProperties;

int tpm_device_properties(TpmDevice *t, TpmProperties *ret);

/* An NV index as a whole, by its own empty password or the owner's. -ENOENT: no such index, or never written.
 * -E2BIG: more than max. */
int tpm_device_read_nv(TpmDevice *t, uint32_t index, size_t max, Bytes *ret);

/* The NV indices there are from first to last, at most max of them, in ascending order; *ret_n is how many. */
int tpm_device_nv_indices(TpmDevice *t, uint32_t first, uint32_t last, size_t max, uint32_t *ret, size_t *ret_n);

/* --- For the modules beside this one that speak to the TPM --- */

ESYS_CONTEXT *tpm_device_esys(TpmDevice *t);
/* True after a pause: once more. */
bool tpm_device_wait_for_room(const TpmDevice *t, TSS2_RC rc, unsigned *waited);
/* Ends the alarm; errno, and the text for tpm_device_error(). */
int tpm_device_result(TpmDevice *t, const char *command, TSS2_RC rc);
/* Says something itself; returns error. */
int tpm_device_fail(TpmDevice *t, int error, const char *text);

/* TPM_CALL(t, NV_ReadPublic, handle, …): the command under alarm. */
#define TPM_CALL(t, command, ...)                                                                       \
        ({                                                                                              \
                TpmDevice *_device = (t);                                                               \
                unsigned _waited = 0;                                                                   \
                TSS2_RC _rc;                                                                            \
                do {                                                                                    \
                        (void) alarm(TPM_COMMAND_SECONDS);                                              \
                        _rc = Esys_##command(tpm_device_esys(_device), __VA_ARGS__);                    \
                } while (tpm_device_wait_for_room(_device, _rc, &_waited));                             \
                tpm_device_result(_device, #command, _rc);                                              \
        })

/* ESYS gives out malloc'd structures. */
static inline void esys_freep(void *p) {
        Esys_Free(*(void **) p);
}
#define _cleanup_esys_ _cleanup_(esys_freep)
