/* SPDX-License-Identifier: MIT */
#include "protocol/ek-notes.h"

#include <stdarg.h>
#include <stdio.h>

#include "protocol/utc-time.h"

#define NAME_TEXT_MAX 256U

void ek_note(EkNotes *notes, EkNoteKind kind, const char *format, ...) {
        va_list ap;

        if (!notes || notes->n == EK_NOTES_MAX)
                return;
        EkNote *n = &notes->notes[notes->n++];
        n->kind = kind;
        va_start(ap, format);
        (void) vsnprintf(n->text, sizeof(n->text), format, ap);
        va_end(ap);
}

typedef struct Name {
        char text[NAME_TEXT_MAX];
} Name;

static Name name_of(ByteView encoded) {
        Name n;

        certificate_name_text(encoded, n.text, sizeof(n.text));
        if (!n.text[0])
                strcpy(n.text, "(an empty name)");
        return n;
}

static void note_dates(EkNotes *notes, int64_t from, int64_t to, int64_t now, bool allowed) {
        char a[RFC3339_SIZE] = "an unknown time", b[RFC3339_SIZE] = "an unknown time";

        (void) rfc3339_format(from, a);
        (void) rfc3339_format(to, b);
        if (now < from)
                ek_note(notes, EK_NOTE_BAD, "It is not valid before %s.", a);
        else if (now <= to)
                ek_note(notes, EK_NOTE_GOOD, "It is valid from %s to %s.", a, b);
        else if (allowed)
                ek_note(notes, EK_NOTE_REMARK, "It expired at %s, which AllowExpiredEK= allows for this vendor.", b);
        else
                ek_note(notes, EK_NOTE_BAD, "It expired at %s.", b);
}

static void note_issuer(EkNotes *notes, const EkIssuer *i, int64_t now) {
        Name name = name_of(i->parts.subject);
        const char *what = i->anchor ? "a root of the trust store" : i->sent ? "which the device sends" :
                           "an intermediate of the trust store";

        ek_note(notes, EK_NOTE_GOOD, "It is signed by %s, %s%s%s.", name.text, what, i->vendor[0] ? " for " : "",
                i->vendor[0] ? tpm_vendor_title(i->vendor) : "");
        if (now < i->not_before || now > i->not_after)
                note_dates(notes, i->not_before, i->not_after, now, false);
}

static void note_break(EkNotes *notes, const EkPath *p) {
        Name wanted = name_of(p->wanted);

        switch (p->why) {
        case EK_BREAK_NO_ISSUER:
                ek_note(notes, EK_NOTE_BAD, "The trust store has no certificate of its issuer, %s. (The name is what "
                        "the certificate claims, and proves nothing.)", wanted.text);
                break;
        case EK_BREAK_SIGNATURE:
                ek_note(notes, EK_NOTE_BAD, "The trust store has %s, but that key has not signed it.", wanted.text);
                break;
        case EK_BREAK_LENGTH:
                ek_note(notes, EK_NOTE_BAD, "The chain through %s is longer than allowed.", wanted.text);
                break;
        case EK_BREAK_SHA1:
                ek_note(notes, EK_NOTE_BAD, "The chain to %s has a signature with SHA-1, which AllowSHA1EK= (for EK "
                        "certificates) or AllowSHA1CA= (for intermediates) does not allow for this vendor.",
                        wanted.text);
                break;
        }
}

void ek_note_path(EkNotes *notes, const EkPath *path, const Certificate *leaf, int64_t now) {
        if (!notes)
                return;
        for (unsigned i = 0; i < path->n; i++)
                note_issuer(notes, path->issuers[i], now);
        if (path->chain == EK_CHAIN_NONE) {
                note_break(notes, path);
                return;
        }
        if (path->used & EK_ALLOW_SHA1_EK)
                ek_note(notes, EK_NOTE_REMARK, "It is signed with SHA-1, which AllowSHA1EK= allows for this vendor.");
        if (path->used & EK_ALLOW_SHA1_CA)
                ek_note(notes, EK_NOTE_REMARK, "An intermediate is signed with SHA-1, which AllowSHA1CA= allows for "
                        "this vendor.");
        note_dates(notes, leaf->not_before, leaf->not_after, now, path->issuers[path->n - 1]->allow & EK_ALLOW_EXPIRED);
}
