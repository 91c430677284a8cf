/* SPDX-License-Identifier: MIT */
#pragma once

/* Names that more than one program must agree on. */
#define ATTEZT_SERVER_BUS_NAME "dev.attezt.Server1"
#define ATTEZT_SERVER_OBJECT "/dev/attezt/Server1"
#define ATTEZT_SERVER_INTERFACE "dev.attezt.Server1"
#define ATTEZT_AGENT_BUS_NAME "dev.attezt.Agent1"
#define ATTEZT_AGENT_OBJECT "/dev/attezt/Agent1"
#define ATTEZT_AGENT_INTERFACE "dev.attezt.Agent1"

/* D-Bus errors of both services; also known are org.freedesktop.DBus.Error.AccessDenied and InvalidArgs. */
#define ATTEZT_ERROR_NOT_FOUND "dev.attezt.Error.NotFound"
#define ATTEZT_ERROR_EXISTS "dev.attezt.Error.Exists"
#define ATTEZT_ERROR_CHANGED "dev.attezt.Error.Changed"
#define ATTEZT_ERROR_BUSY "dev.attezt.Error.Busy"
#define ATTEZT_ERROR_NO_CA "dev.attezt.Error.NoCA"
#define ATTEZT_ERROR_CA_UNUSABLE "dev.attezt.Error.CAUnusable"
#define ATTEZT_ERROR_NOT_ENROLLED "dev.attezt.Error.NotEnrolled"
#define ATTEZT_ERROR_INVALID "dev.attezt.Error.Invalid"
#define ATTEZT_ERROR_FAILED "dev.attezt.Error.Failed"

#define ATTEZT_FRONT_SOCKET "/run/atteztd/front"
#define ATTEZT_P11KIT_SOCKET "/run/attezt/p11kit.socket"
#define ATTEZT_ENROLL_SOCKET "/run/attezt-enroll/socket"
#define ATTEZT_TPM_SIGNER_SOCKET "/run/attezt-tpm-signer/socket"
#define ATTEZT_SERVER_STATE_DIR ATTEZT_STATEDIR "/atteztd"
#define ATTEZT_AGENT_STATE_DIR ATTEZT_STATEDIR "/attezt"
#define ATTEZT_RENEWAL_DIR ATTEZT_STATEDIR "/attezt-agent"
#define ATTEZT_RENEWED_DIR ATTEZT_STATEDIR "/attezt-renewed"
#define ATTEZT_SETTINGS_DIR ATTEZT_SYSCONFDIR "/attezt"
