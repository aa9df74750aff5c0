/*
 * Preloaded, it makes a disk fail: from the FAULT_AT-th operation on below the folder FAULT_UNDER, whatever would write
 * fails with the error number FAULT_ERRNO. FAULT_SLOW_US makes each such operation wait.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long operations;

static int is_under(const char *path) {
  const char *under = getenv("FAULT_UNDER");
  return under && path && strncmp(path, under, strlen(under)) == 0;
}

static int fails(const char *path) {
  if (!is_under(path)) return 0;
  const char *slow = getenv("FAULT_SLOW_US");
  if (slow) usleep((useconds_t)atol(slow));
  const char *at = getenv("FAULT_AT");
  if (!at || atomic_fetch_add(&operations, 1) < atol(at)) return 0;
  errno = atoi(getenv("FAULT_ERRNO"));
  return 1;
}

static int fails_at_file(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return 0;
  path[n] = 0;
  return fails(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opened(const char *name, const char *path, int flags, mode_t mode) {
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails(path)) return -1;
  return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name))(path, flags, mode);
}
int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
  va_end(list);
  return opened("open", path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
  va_end(list);
  return opened("open64", path, flags, mode);
}
ssize_t write(int fd, const void *data, size_t n) { return fails_at_file(fd) ? -1 : REAL(write)(fd, data, n); }
ssize_t writev(int fd, const struct iovec *v, int n) { return fails_at_file(fd) ? -1 : REAL(writev)(fd, v, n); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
  return fails_at_file(fd) ? -1 : REAL(pwrite)(fd, data, n, at);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
  return fails_at_file(fd) ? -1 : REAL(pwrite64)(fd, data, n, at);
}
int fsync(int fd) { return fails_at_file(fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails_at_file(fd) ? -1 : REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) { return fails(to) ? -1 : REAL(rename)(from, to); }
int link(const char *from, const char *to) { return fails(to) ? -1 : REAL(link)(from, to); }
int mkdir(const char *path, mode_t mode) { return fails(path) ? -1 : ((int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir"))(path, mode); }
