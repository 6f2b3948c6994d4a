/* Preloaded into a broker: has calls on the files of its database fail while a test wants that.
 *
 * The file "<FAULTS>/<call>" holds the number of the error that "<call>" (write, fsync) is to give; while
 * it is not there the call works. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The error that the call is to give for this file; 0 for none. */
static int fault(const char *call, int file) {
    const char *folder = getenv("FAULTS");
    char link[64], name[4096], text[16];
    if (folder == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    /* Not the index of its journal, which is memory in the shape of a file. */
    if (strstr(name, "/it.db") == NULL || strstr(name, "-shm") != NULL) return 0;
    snprintf(name, sizeof name, "%s/%s", folder, call);
    int wish = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    if (wish < 0) return 0;
    length = syscall(SYS_read, wish, text, sizeof text - 1);
    close(wish);
    if (length <= 0) return 0;
    text[length] = 0;
    return atoi(text);
}

ssize_t write(int file, const void *bytes, size_t count) {
    int saved = errno, error = fault("write", file);
    if (error != 0) { errno = error; return -1; }
    errno = saved;
    return syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    int saved = errno, error = fault("write", file);
    if (error != 0) { errno = error; return -1; }
    errno = saved;
    return syscall(SYS_pwrite64, file, bytes, count, at);
}

int fsync(int file) {
    int saved = errno, error = fault("fsync", file);
    if (error != 0) { errno = error; return -1; }
    errno = saved;
    return syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    int saved = errno, error = fault("fsync", file);
    if (error != 0) { errno = error; return -1; }
    errno = saved;
    return syscall(SYS_fdatasync, file);
}
