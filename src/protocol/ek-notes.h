/* SPDX-License-Identifier: MIT */
#pragma once

/* Why a verdict on an EK certificate is as it is: the verdict's code writes it down as it goes, so that the two
 * cannot differ. */
#include "protocol/ek-trust.h"

#define EK_NOTES_MAX 24U
#define EK_NOTE_TEXT_MAX 640U /* with NUL */

typedef enum EkNoteKind {
        EK_NOTE_GOOD,
        EK_NOTE_BAD,    /* for this it is refused */
        EK_NOTE_REMARK, /* decides nothing */
} EkNoteKind;

typedef struct EkNote {
        EkNoteKind kind;
        char text[EK_NOTE_TEXT_MAX]; /* ASCII; a sentence */
} EkNote;

typedef struct EkNotes {
        unsigned n;
        EkNote notes[EK_NOTES_MAX];
} EkNotes;

/* notes may be NULL: nobody asks. */
void ek_note(EkNotes *notes, EkNoteKind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The steps of the path that was found, or where it ended. leaf: whose path it is. */
void ek_note_path(EkNotes *notes, const EkPath *path, const Certificate *leaf, int64_t now);
