/* SPDX-License-Identifier: MIT */
#include "shared/backup-file.h"

#define COPY_SIZE (64U * 1024)

int backup_write_bytes(int fd, ByteView v) {
        while (v.size > 0) {
                ssize_t n = write(fd, v.data, v.size);
                if (n < 0)
                        return -errno;
                v = VIEW(v.data + n, v.size - (size_t) n);
        }
        return 0;
}

int backup_write_begin(int fd) {
        return backup_write_bytes(fd, VIEW(BACKUP_MAGIC, BACKUP_MAGIC_SIZE));
}

int backup_write_header(int fd, const char *name, uint64_t size) {
        uint8_t header[BACKUP_HEADER_MAX];
        BackupHeader h = { .size = size };

        if (strlen(name) > BACKUP_NAME_MAX)
                return -ENAMETOOLONG;
        strcpy(h.name, name);
        int n = backup_header_encode(&h, header);
        return n < 0 ? n : backup_write_bytes(fd, VIEW(header, n));
}

int backup_write_file(int fd, const char *name, ByteView content) {
        int r = backup_write_header(fd, name, content.size);
        return r < 0 ? r : backup_write_bytes(fd, content);
}

int backup_write_end(int fd) {
        return backup_write_header(fd, "", 0);
}

int backup_copy(int from, int to, uint64_t size) {
        uint8_t buffer[COPY_SIZE];

        while (size > 0) {
                ssize_t n = read(from, buffer, MIN_OF(size, (uint64_t) sizeof(buffer)));
                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                int r = backup_write_bytes(to, VIEW(buffer, n));
                explicit_bzero(buffer, (size_t) n); /* keys are among it */
                if (r < 0)
                        return r;
                size -= (uint64_t) n;
        }
        return 0;
}

/* Returns how much there is. */
static ssize_t peek(int fd, off_t at, uint8_t *ret, size_t size) {
        ssize_t n = pread(fd, ret, size, at);
        return n < 0 ? -errno : n;
}

int backup_read(int fd, BackupVisit visit, void *userdata) {
        uint8_t bytes[BACKUP_HEADER_MAX];
        off_t at = BACKUP_MAGIC_SIZE, size = lseek(fd, 0, SEEK_END);
        BackupHeader h;

        ssize_t n = peek(fd, 0, bytes, BACKUP_MAGIC_SIZE);
        if (size < 0 || n < 0)
                return size < 0 ? -errno : (int) n;
        if (!view_equal(VIEW(bytes, n), VIEW(BACKUP_MAGIC, BACKUP_MAGIC_SIZE)))
                return -EBADMSG;
        for (;;) {
                n = peek(fd, at, bytes, sizeof(bytes));
                if (n < 0)
                        return (int) n;
                int r = backup_header_decode(VIEW(bytes, n), &h);
                if (r < 0)
                        return r;
                at += r;
                if (!h.name[0])
                        return at == size ? 0 : -EBADMSG;
                if (h.size > (uint64_t) (size - at))
                        return -EBADMSG;
                if (lseek(fd, at, SEEK_SET) < 0)
                        return -errno;
                r = visit(fd, &h, userdata);
                if (r < 0)
                        return r;
                at += (off_t) h.size;
        }
}
