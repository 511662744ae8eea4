#include <stdio.h>

int check(void);

int main(void) {
  printf("%d\n", check());
  return 0;
}
