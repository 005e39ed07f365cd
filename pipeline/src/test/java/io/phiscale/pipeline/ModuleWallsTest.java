package io.phiscale.pipeline;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.source.DatasetSource;
import io.phiscale.pipeline.storage.Storage;
import org.junit.jupiter.api.Test;

class ModuleWallsTest {
  private static final String ROOT = "io.phiscale.pipeline";

  private static final JavaClasses MODULE =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(ROOT);

  @Test
  void theImportIsNotEmpty() {
    assertThat(MODULE.contain(Storage.class)).isTrue();
    assertThat(MODULE.contain(DatasetSource.class)).isTrue();
    assertThat(MODULE.contain(EpochOrder.class)).isTrue();
    assertThat(MODULE.contain(ModuleWallsTest.class)).isFalse();
  }

  @Test
  void knowsNeitherSparkNorNetworks() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "org.apache.spark..",
            "scala..",
            "org.deeplearning4j..",
            "org.nd4j..",
            "io.phiscale.model..",
            "io.phiscale.jobs..")
        .check(MODULE);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(MODULE);
  }

  @Test
  void dataFlowsInOneDirection() {
    independent("storage", "source", "shard", "image", "augment", "batch").check(MODULE);
    independent("shard", "source", "image", "augment", "batch").check(MODULE);
    independent("source", "image", "augment", "batch").check(MODULE);
    independent("image", "augment", "batch").check(MODULE);
    independent("augment", "batch").check(MODULE);
  }

  @Test
  void onlyStorageOpensFileSystems() {
    classes()
        .that()
        .resideOutsideOfPackage(ROOT + ".storage")
        .should()
        .onlyDependOnClassesThat()
        .doNotHaveFullyQualifiedName("org.apache.hadoop.fs.FileSystem")
        .check(MODULE);
  }

  private static ArchRule independent(String from, String... others) {
    String[] forbidden = new String[others.length];
    for (int i = 0; i < others.length; i++) {
      forbidden[i] = ROOT + "." + others[i] + "..";
    }
    return noClasses()
        .that()
        .resideInAPackage(ROOT + "." + from + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(forbidden);
  }
}
