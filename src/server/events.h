/* SPDX-License-Identifier: MIT */
#pragma once

/* MESSAGE_ID of what the journal is asked for. Fields: ATTEZT_EK= (hash), ATTEZT_DEVICE= (first name),
 * ATTEZT_SERIAL=, ATTEZT_ISSUER= (of an EK certificate, a claim), ATTEZT_PEER= (address), ATTEZT_REASON= (in words),
 * ATTEZT_AK= (name of an AK), ATTEZT_LOG_COUNT= and ATTEZT_LOG_HEAD= (how far the record of signatures goes),
 * ATTEZT_CERTIFICATE= (SHA-256 of one of the trust store), ATTEZT_UID= (of who asked for it on the bus),
 * ATTEZT_BYTES= (of a file). */
#include <systemd/sd-id128.h>

#include "protocol/signing-log.h"

#define EVENT_ISSUED SD_ID128_MAKE(d4,c6,f0,3e,74,ae,4e,4c,b3,34,af,7c,6f,c7,a3,99)
#define EVENT_DENIED SD_ID128_MAKE(fe,6d,9a,66,f6,a0,41,49,82,a9,d2,15,f3,e8,af,86)
#define EVENT_CA_CREATED SD_ID128_MAKE(55,e2,88,0a,cb,a1,4d,34,84,04,7f,00,a3,d6,45,f6)
#define EVENT_ENROLLED SD_ID128_MAKE(11,00,e2,a2,d2,4a,49,e6,a5,bd,8e,fd,cd,5b,1c,36)
#define EVENT_REMOVED SD_ID128_MAKE(fd,9b,da,3c,dc,f5,4f,c3,a2,8b,67,e2,87,27,08,c5)
#define EVENT_NAME_ALLOWED SD_ID128_MAKE(17,0a,36,a5,40,00,4a,c3,98,18,1a,55,4a,93,32,dd)
#define EVENT_NAME_DENIED SD_ID128_MAKE(d5,aa,4f,48,c6,d8,41,4e,a0,17,3f,07,60,9d,27,06)
#define EVENT_CHANGED SD_ID128_MAKE(3b,91,5e,0c,d4,27,46,8a,9f,10,b6,e5,72,08,cd,41)
#define EVENT_IMPORTED SD_ID128_MAKE(e4,57,12,8b,96,3a,4c,d1,a8,05,7f,c2,19,be,60,3d)
#define EVENT_WAITING SD_ID128_MAKE(72,c0,8a,15,fe,63,41,d7,90,2d,b4,1c,6f,e9,53,08)
#define EVENT_APPROVED SD_ID128_MAKE(0f,b8,67,3a,21,cc,4e,95,b3,7e,40,d9,8a,12,f5,6c)
#define EVENT_REFUSED SD_ID128_MAKE(c6,14,e9,7d,50,82,4b,f1,a4,68,3c,05,d2,be,97,1f)
#define EVENT_PENDING_CLEARED SD_ID128_MAKE(33,4c,1b,c2,62,d6,43,cc,83,33,81,1f,d3,ba,ba,c7)
#define EVENT_REPLACED SD_ID128_MAKE(a0,6d,f3,18,5c,b9,4e,02,87,4b,2e,91,dd,36,70,fa)
#define EVENT_TRUST_CHANGED SD_ID128_MAKE(f4,92,da,ad,c4,a5,4c,e9,95,9f,3e,79,96,2a,e4,bd)
#define EVENT_ATTESTED SD_ID128_MAKE(81,5f,e5,b8,23,91,47,48,81,c2,87,48,e8,3d,d8,dc)
#define EVENT_REVOKED SD_ID128_MAKE(c9,fb,87,15,75,99,4a,f5,8c,db,55,26,98,01,1f,3c)
#define EVENT_SIGNED SD_ID128_MAKE(0d,30,6a,01,93,be,49,67,a7,30,69,6a,81,ed,59,13)
#define EVENT_CA_ENDING SD_ID128_MAKE(6b,f1,dd,0d,e1,f7,4f,45,a2,5e,76,f7,6a,59,b2,7b)
#define EVENT_CA_UNUSABLE SD_ID128_MAKE(b4,a9,d7,73,89,3b,44,41,a0,cd,c4,02,d0,65,9b,47)
#define EVENT_CA_CHANGED SD_ID128_MAKE(ad,eb,5e,ba,c5,05,49,7a,ab,1f,f5,96,7f,5c,ec,46)
#define EVENT_BACKUP SD_ID128_MAKE(99,7a,09,b6,6b,4c,4b,69,98,31,7b,b9,4d,64,92,c8)
#define EVENT_RESTORE_ASKED SD_ID128_MAKE(da,e8,54,53,f1,39,4b,55,94,22,8b,7a,88,b9,69,d0)
#define EVENT_RESTORED SD_ID128_MAKE(8c,77,1b,ea,48,c7,42,28,98,0c,83,75,e2,9f,ec,6f)
#define EVENT_INVENTORY_LARGE SD_ID128_MAKE(3e,a7,05,d8,9c,41,4b,f6,b2,5d,71,e0,8f,16,c4,9a)

#define EVENTS_COUNT_TEXT_MAX 24U
#define EVENTS_UID_TEXT_MAX 12U

/* For ATTEZT_LOG_COUNT= and ATTEZT_LOG_HEAD=, and "COUNT:HASH" for the message. */
void events_format_head(const LogHead *head, char ret_count[static EVENTS_COUNT_TEXT_MAX],
                        char ret_hash[static 2 * LOG_HASH_SIZE + 1], char ret_text[static LOG_HEAD_TEXT_MAX]);
/* For ATTEZT_UID=; gives ret. */
const char *events_format_uid(uint32_t uid, char ret[static EVENTS_UID_TEXT_MAX]);
